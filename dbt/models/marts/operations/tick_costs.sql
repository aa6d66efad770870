{{ config(materialized='view') }}

-- What each tick cost: its time part by part, and that in money.
with parts as (
    select
        tick_start,
        tick_end,
        sum(seconds) as seconds,
        {%- for part in ['landing', 'deciding', 'leaving', 'publishing'] %}
        sum(case when part = '{{ part }}' then seconds end) as {{ part }}_seconds,
        {%- endfor %}
        cast(sum(case when part = 'landing' then rows_written end) as bigint) as rows_landed,
        cast(sum(case when part = 'leaving' then rows_written end) as bigint) as actions,
        cast(max(case when part = 'deciding' then bytes_written end) as bigint) as warehouse_bytes,
        cast(max(case when part = 'publishing' then bytes_written end) as bigint) as published_bytes
    from {{ source('engine', 'tick_costs') }}
    group by tick_start, tick_end
)

select
    *,
    seconds / 3600 * {{ var('machine_hour')['rate'] }} as money,
    '{{ var("machine_hour")["currency"] }}' as currency,
    seconds / 3600 * {{ var('machine_hour')['rate'] }} / nullif(actions, 0) as money_per_action
from parts
