{{ config(event_time='as_of') }}

-- What the n-th promotional message of a week earns: at each midnight, what was ordered within a day of it in the week before the
-- last day but one, by currency.
--
-- Of the first it is told by chance and by intention to treat. Compared are people for whom, when their first message of the week
-- fell due, nothing stood in the way but a frequency cap or the provider's rate: those whom the global holdout kept from it,
-- and all others, whether it reached them or not. Who gets a second one depends on what came of the first, so further ones are
-- told as they were observed.
with {{ marginal_people() }},

ordered as (
    select
        people.as_of,
        people.message_number,
        people.action_id,
        orders.currency,
        count(*) as orders,
        cast(sum(orders.total) as decimal(18, 2)) as revenue
    from people
    inner join {{ ref('orders') }} as orders
        on
            people.contact_id = orders.contact_id
            and people.tick_end <= orders.effective_at
            and people.tick_end > orders.effective_at - interval '1 day'
    where
        orders.effective_at > {{ tick_start() }} - interval '8 days'
        and orders.effective_at < {{ tick_end() }}
        and orders.status = 'placed'
    group by people.as_of, people.message_number, people.action_id, orders.currency
),

currencies as (
    select distinct
        as_of,
        currency
    from ordered
),

-- a currency is told of everybody, also of those who ordered nothing in it
sides as (
    select
        people.as_of,
        people.message_number,
        currencies.currency,
        count(*) filter (not people.is_held_out) as people,
        count(*) filter (people.is_sent) as messages,
        count(*) filter (people.is_held_out) as held_out,
        count(*) filter (met_with.is_lost) as lost_contacts,
        coalesce(sum(ordered.orders) filter (not people.is_held_out), 0) as orders,
        -- sums of decimals, which are the same in whatever order rows come
        cast(coalesce(sum(ordered.revenue) filter (not people.is_held_out), 0) as double) as revenue,
        cast(coalesce(sum(ordered.revenue) filter (people.is_held_out), 0) as double) as held_out_revenue,
        cast(
            coalesce(sum(ordered.revenue * ordered.revenue) filter (not people.is_held_out), 0) as double
        ) as revenue_squares,
        cast(
            coalesce(sum(ordered.revenue * ordered.revenue) filter (people.is_held_out), 0) as double
        ) as held_out_squares
    from people
    left join currencies on people.as_of = currencies.as_of
    left join ordered
        on
            people.as_of = ordered.as_of
            and people.message_number = ordered.message_number
            and people.action_id = ordered.action_id
            and currencies.currency = ordered.currency
    left join met_with
        on
            people.as_of = met_with.as_of
            and people.message_number = met_with.message_number
            and people.action_id = met_with.action_id
    group by people.as_of, people.message_number, currencies.currency
),

uncertain as (
    select
        *,
        (revenue_squares - revenue * revenue / people) / nullif(people * (people - 1), 0) as treated_error,
        (held_out_squares - held_out_revenue * held_out_revenue / nullif(held_out, 0))
        / nullif(held_out * (held_out - 1), 0) as held_out_error
    from sides
    where people > 0
),

compared as (
    select
        *,
        revenue / people as revenue_per_person,
        held_out_revenue / nullif(held_out, 0) as revenue_per_held_out,
        revenue / people - held_out_revenue / nullif(held_out, 0) as earned,
        {{ student_quantile(welch_freedom(
            '(treated_error + held_out_error)',
            '(' ~ error_by_freedom('treated_error', 'people') ~ ' + ' ~ error_by_freedom('held_out_error', 'held_out') ~ ')'
        )) }} * sqrt(treated_error + held_out_error) as margin
    from uncertain
)

select
    as_of,
    message_number,
    currency,
    case when held_out > 0 then 'randomised' else 'observational' end as evidence,
    people,
    messages,
    cast(orders as bigint) as orders,
    cast(revenue as decimal(18, 2)) as revenue,
    revenue_per_person,
    held_out,
    revenue_per_held_out,
    earned as earned_per_person,
    earned - margin as earned_per_person_low,
    earned + margin as earned_per_person_high,
    lost_contacts
from compared
