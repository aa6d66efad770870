{{ config(materialized='view') }}

-- What landed of each table in each tick, and how much of it was not as it should be.
select
    landed_at_tick as tick_start,
    cast(landed_at_tick as date) as day,
    table_name,
    count(*) as files,
    cast(sum(rows_landed) as bigint) as rows_taken_in,
    cast(sum(rows_quarantined) as bigint) as rows_set_aside,
    cast(sum(values_blanked) as bigint) as values_blanked,
    cast(sum(rows_quarantined) as double) / nullif(sum(rows_landed) + sum(rows_quarantined), 0) as share_set_aside
from {{ source('gate', 'landed_files') }}
group by landed_at_tick, table_name
