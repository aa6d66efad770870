{{ config(event_time='known_at', access='protected') }}

-- Every message within the attribution window before the order has the same credit; what does not divide goes to the last.
with touches as (
    select
        conversion_id,
        action_id,
        known_at,
        count(*) over (partition by conversion_id) as messages,
        row_number() over (partition by conversion_id order by touched_at desc, action_id desc) = 1 as is_last
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
),

even_shares as (
    select
        *,
        cast(floor(100000000 / messages) / 100000000 as decimal(9, 8)) as even_share
    from touches
)

select
    conversion_id,
    action_id,
    known_at,
    cast(case when is_last then 1 - even_share * (messages - 1) else even_share end as decimal(9, 8)) as share
from even_shares
