-- Every order by somebody we know, and whether that makes them, or they are, one of the best customers.
with ordered as (
    select
        contact_id,
        order_id as entry_key,
        effective_at as reached_at,
        occurred_at,
        order_id
    from {{ ref('orders') }}
    where
        {{ in_tick('effective_at') }}
        and status = 'placed'
),

vips as (
    select ordered.order_id
    from ordered
    inner join {{ ref('segment_changes') }} as changes
        on ordered.contact_id = changes.contact_id and ordered.reached_at >= changes.changed_at
    where
        changes.segment = 'vip_customers'
        and changes.changed_at < {{ tick_end() }}
    group by ordered.order_id
    having {{ last_by('changes.change', 'changes.changed_at') }} = 'entered'
),

buyers as (
    select
        ordered.*,
        vips.order_id is not null as is_vip
    from ordered
    left join vips on ordered.order_id = vips.order_id
)

select * from {{ entries('buyers', reentry='after 45 days', holdout=0.1) }}
