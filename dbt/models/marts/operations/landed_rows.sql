{{ config(materialized='view') }}

-- What landed, table by table: the files that the quality gate let through, and what it did to their rows.
select
    cast(landed_at_tick as date) as day,
    table_name,
    count(*) as files,
    cast(sum(rows_landed) as bigint) as rows_landed,
    cast(sum(rows_quarantined) as bigint) as rows_set_aside,
    cast(sum(values_blanked) as bigint) as values_blanked,
    max(landed_at_tick) as last_landed_at
from {{ source('gate', 'landed_files') }}
group by cast(landed_at_tick as date), table_name
