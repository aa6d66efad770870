-- Every order by somebody we know.
with ordered as (
    select
        contact_id,
        order_id as entry_key,
        effective_at as reached_at,
        occurred_at,
        order_id,
        total as order_total,
        currency
    from {{ ref('orders') }}
    where
        {{ in_tick('effective_at') }}
        and status = 'placed'
)

select * from {{ entries('ordered', reentry='per key', holdout=0.05) }}
