-- Three looks at products within a day, nothing put into a cart and nothing ordered.
with views as (
    select
        contact_id,
        properties ->> '$.product_id' as product_id,
        message_id,
        occurred_at,
        effective_at
    from {{ ref('events') }}
    where event = 'Product Viewed'
),

browsed as (
    select * from {{ counted_events('views', times=3, within='1 day') }}
),

last_viewed as (
    select
        contact_id,
        effective_at,
        {{ last_by('product_id', '(occurred_at, message_id)') }} as product_id
    from views
    where {{ in_tick('effective_at') }}
    group by contact_id, effective_at
),

people as (
    {{ people_of('browsed') }}
),

wanted as (
    select
        contact_id,
        effective_at
    from {{ ref('events') }}
    where
        event in ('Product Added', 'Checkout Started')
        and effective_at > {{ tick_start() }} - interval '1 day'
        and effective_at < {{ tick_end() }}
    union all
    select
        contact_id,
        effective_at
    from {{ ref('orders') }}
    where
        status = 'placed'
        and effective_at > {{ tick_start() }} - interval '1 day'
        and effective_at < {{ tick_end() }}
),

-- who put something into a cart is reminded of that
only_looked as (
    select
        browsed.contact_id,
        browsed.entry_key,
        browsed.reached_at,
        browsed.occurred_at,
        last_viewed.product_id
    from browsed
    inner join last_viewed on browsed.contact_id = last_viewed.contact_id and browsed.reached_at = last_viewed.effective_at
    where
        not exists (
            select 1
            from people
            inner join wanted on people.member_id = wanted.contact_id
            where
                people.contact_id = browsed.contact_id
                and people.since <= browsed.reached_at
                and wanted.effective_at > browsed.reached_at - interval '1 day'
                and wanted.effective_at <= browsed.reached_at
        )
)

select * from {{ entries('only_looked', reentry='after 14 days', holdout=0.05) }}
