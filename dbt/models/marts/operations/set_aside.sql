{{ config(materialized='view') }}

-- Why the quality gate set rows aside. The rows themselves stay in the warehouse, and what of them could not be read with
-- them: it may be an address.
with told as (
    select
        cast(quarantined_at as date) as day,
        table_name,
        regexp_replace(reason, '(?s)(cannot be read[^:]*):.*', '\1') as reason
    from {{ source('gate', 'quarantine') }}
)

select
    day,
    table_name,
    reason,
    count(*) as number_of_rows
from told
group by day, table_name, reason
