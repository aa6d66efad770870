{{ config(event_time='effective_at', group='lifecycle_marketing') }}

-- Carts that were left alone for an hour: nothing more put in or taken out, nothing ordered.
with cart_activity as (
    select
        contact_id,
        properties ->> '$.cart_id' as cart_id,
        occurred_at,
        effective_at
    from {{ ref('events') }}
    where
        event in ('Product Added', 'Product Removed', 'Checkout Started')
        and {{ in_tick('effective_at', after='1 hour') }}
        and (properties ->> '$.cart_id') is not null
),

last_activity as (
    select *
    from cart_activity
    qualify row_number() over (partition by cart_id, effective_at order by occurred_at desc, contact_id asc) = 1
),

recent_cart_events as (
    select
        properties ->> '$.cart_id' as cart_id,
        event,
        -- what cannot be read as a number counts for nothing, and stops nobody else
        try_cast(properties ->> '$.price' as decimal(20, 4)) as price,
        coalesce(try_cast(properties ->> '$.quantity' as integer), 1) as quantity,
        effective_at
    from {{ ref('events') }}
    where
        event in ('Product Added', 'Product Removed', 'Checkout Started')
        and effective_at >= {{ tick_start() }} - interval '1 hour' - interval '7 days'
        and effective_at < {{ tick_end() }}
),

-- who logs in at the checkout orders under another contact than the one that filled the cart
recent_orders as (
    select
        contact_id,
        cart_id,
        effective_at
    from {{ ref('orders') }}
    where
        status = 'placed'
        and effective_at >= {{ tick_start() }} - interval '1 hour' - interval '7 days'
        and effective_at < {{ tick_end() }}
),

left_alone as (
    select *
    from last_activity
    where
        not exists (
            select 1
            from recent_cart_events as later
            where
                later.cart_id = last_activity.cart_id
                and later.effective_at > last_activity.effective_at
                and later.effective_at <= last_activity.effective_at + interval '1 hour'
        )
        and not exists (
            select 1
            from recent_orders
            where
                recent_orders.cart_id = last_activity.cart_id
                and recent_orders.effective_at >= last_activity.effective_at - interval '7 days'
                and recent_orders.effective_at <= last_activity.effective_at + interval '1 hour'
        )
        and not exists (
            select 1
            from recent_orders
            where
                recent_orders.contact_id = last_activity.contact_id
                and recent_orders.effective_at >= last_activity.effective_at
                and recent_orders.effective_at <= last_activity.effective_at + interval '1 hour'
        )
),

contents as (
    select
        left_alone.cart_id,
        left_alone.effective_at,
        sum(
            case recent.event
                when 'Product Added' then recent.quantity
                when 'Product Removed' then -recent.quantity
            end
        ) as item_count,
        sum(
            case recent.event
                when 'Product Added' then recent.quantity * recent.price
                when 'Product Removed' then -recent.quantity * recent.price
            end
        ) as cart_value
    from left_alone
    inner join recent_cart_events as recent
        on
            left_alone.cart_id = recent.cart_id
            and left_alone.effective_at >= recent.effective_at
            and left_alone.effective_at - interval '7 days' <= recent.effective_at
    group by left_alone.cart_id, left_alone.effective_at
),

abandoned as (
    select
        left_alone.contact_id,
        left_alone.cart_id,
        try_cast(contents.item_count as integer) as item_count,
        try_cast(contents.cart_value as decimal(18, 2)) as cart_value,
        left_alone.occurred_at + interval '1 hour' as occurred_at,
        left_alone.effective_at + interval '1 hour' as effective_at
    from left_alone
    inner join contents
        on
            left_alone.cart_id = contents.cart_id
            and left_alone.effective_at = contents.effective_at
    where contents.item_count > 0
)

select * from {{ with_surviving_contacts('abandoned', 'abandoned.effective_at') }}
