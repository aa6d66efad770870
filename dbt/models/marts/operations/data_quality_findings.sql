{{ config(materialized='view') }}

-- Why rows were set aside and values blanked, tick by tick, and what that cost.
select
    landed_at_tick as tick_start,
    cast(landed_at_tick as date) as day,
    table_name,
    became,
    reason,
    coalesce(currency, 'none') as currency,
    cast(sum(rows_found) as bigint) as rows_found,
    cast(sum(rows_kept) as bigint) as rows_kept,
    cast(sum(people) as bigint) as people,
    cast(sum(worth) as decimal(18, 2)) as worth
from {{ source('gate', 'gate_findings') }}
group by landed_at_tick, table_name, became, reason, coalesce(currency, 'none')
