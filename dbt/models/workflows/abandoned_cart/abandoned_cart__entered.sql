-- Carts left alone for an hour.
with left_alone as (
    select
        contact_id,
        cart_id as entry_key,
        effective_at as reached_at,
        occurred_at,
        cart_id,
        cart_value,
        item_count
    from {{ ref('carts_abandoned') }}
    where {{ in_tick('effective_at') }}
)

select * from {{ entries('left_alone', reentry='per key', holdout=0.05) }}
