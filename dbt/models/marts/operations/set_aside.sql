{{ config(materialized='view') }}

-- Why the quality gate set rows aside. The rows themselves stay in the warehouse: they hold addresses.
select
    cast(quarantined_at as date) as day,
    table_name,
    reason,
    count(*) as number_of_rows
from {{ source('gate', 'quarantine') }}
group by cast(quarantined_at as date), table_name, reason
