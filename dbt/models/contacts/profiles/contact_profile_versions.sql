{{ config(event_time='valid_from') }}

{%- set facts_by_time = [
    (ref('contact_details'), 'effective_at'),
    (ref('consent_statements'), 'effective_at'),
    (ref('contact_activity_days'), 'effective_at'),
    (ref('contact_signals'), 'effective_at'),
    (ref('contact_merges'), 'merged_at'),
] %}

-- What is known of a contact, once for each time that it changed. Every version is worked out from the contact's own history,
-- so that it does not matter in which ticks that became known.
with orders_in_tick as (
    select
        order_id,
        effective_at
    from {{ ref('orders') }}
    where {{ in_tick('effective_at') }}
),

-- a cancellation may name nobody, or somebody else: it concerns all whom any status of the order names
named_by_orders as (
    select distinct
        orders.contact_id,
        orders_in_tick.effective_at as moment
    from orders_in_tick
    inner join {{ ref('orders') }} as orders on orders_in_tick.order_id = orders.order_id
    where
        orders.contact_id is not null
        and orders_in_tick.effective_at >= orders.effective_at
),

facts_in_tick as (
    select * from {{ with_surviving_contacts('named_by_orders', 'named_by_orders.moment') }}
    {%- for facts, known_at in facts_by_time %}

    union

    select
        contact_id,
        {{ known_at }} as moment
    from {{ facts }}
    where {{ in_tick(known_at) }} and contact_id is not null
    {%- endfor %}

    union

    select
        into_contact_id as contact_id,
        merged_at as moment
    from {{ ref('contact_merges') }}
    where {{ in_tick('merged_at') }}
),

concerned as (
    select distinct contact_id
    from facts_in_tick
    {%- if is_incremental() %}

    union

    -- whose birthday passes in this tick
    select contact_id
    from {{ this }}
    where {{ in_tick('next_birthday', after='1 day') }}
    {%- endif %}
),

-- whose facts count, and since when: a contact's own, and those of the contacts merged into it
members as (
    select
        contact_id,
        contact_id as member_id,
        timestamp '0001-01-01' as member_since
    from concerned

    union all

    select
        into_contact_id as contact_id,
        contact_id as member_id,
        min(merged_at) as member_since
    from {{ ref('contact_merges') }}
    where
        merged_at < {{ tick_end() }}
        and into_contact_id in (select contact_id from concerned)
    group by into_contact_id, member_id
),

birthdays as (
    {{ birthdays_passing('members', ref('contact_details'), ref('contact_merges')) }}
),

-- when something may have changed; and the moment before the tick, to compare with
moments as (
    select * from facts_in_tick

    union

    select * from birthdays

    union

    select
        contact_id,
        {{ tick_start() }} - interval '1 microsecond' as moment
    from concerned
),

statements as (
    {{ trait_statements(
        'members', ref('contact_details'), ref('consent_statements'), ref('orders'),
        ref('trait_sources'), ref('profile_timezones')
    ) }}
),

doings as (
    select
        members.contact_id,
        activity.occurred_at,
        greatest(activity.effective_at, members.member_since) as known_at,
        -- mail programs open mail by themselves: that is no sign of an active contact
        case when activity.kind <> 'email_open' then activity.active_on end as active_on,
        case when activity.kind <> 'email_open' then activity.occurred_at end as active_at,
        case when activity.kind in ('email_open', 'email_click') then activity.occurred_at end as engaged_at
    from {{ ref('contact_activity_days') }} as activity
    inner join members on activity.contact_id = members.member_id
    where activity.effective_at < {{ tick_end() }}
),

limits as (
    select
        members.contact_id,
        signals.occurred_at,
        greatest(signals.effective_at, members.member_since) as known_at,
        signals.signal,
        case when signals.signal = 'hard bounce' then coalesce(signals.email, 'any') end as bounced
    from {{ ref('contact_signals') }} as signals
    inner join members on signals.contact_id = members.member_id
    where signals.effective_at < {{ tick_end() }}
),

timeline as (
    select * from statements
    union all by name
    select * from doings
    union all by name
    select * from limits
    union all by name
    select
        *,
        moment as known_at
    from moments
),

so_far as (
    select
        contact_id,
        moment,
        {%- for trait in profile_traits() %}
        {{ believed(trait) }} over so_far as {{ trait }},
        {%- endfor %}
        min(occurred_at) over so_far as first_seen_at,
        count(distinct active_on) over so_far as active_days,
        max(active_at) over so_far as last_active_at,
        max(engaged_at) over so_far as last_email_engaged_at,
        list(bounced) filter (where bounced is not null) over so_far as bounced,
        coalesce(bool_or(signal = 'complaint') over so_far, false) as has_complained,
        coalesce(bool_or(signal = 'erased') over so_far, false) as is_erased
    from timeline
    window so_far as (partition by contact_id order by known_at range between unbounded preceding and current row)
),

movements as (
    {{ order_movements('members', ref('orders')) }}
),

purchases as (
    select
        moments.contact_id,
        moments.moment,
        sum(movements.orders_count) as orders_count,
        sum(movements.revenue) as revenue,
        min(movements.placed_at) as first_order_at,
        max(movements.placed_at) as last_order_at
    from moments
    inner join movements
        on
            moments.contact_id = movements.contact_id
            and moments.moment >= movements.since
            and moments.moment < movements.until
    group by moments.contact_id, moments.moment
),

consents as (
    {{ consent_states('moments', 'members', ref('consent_statements'), ref('contact_signals')) }}
),

properties_over_time as (
    {{ properties_over_time('members', ref('contact_details'), ref('trait_sources')) }}
),

properties as (
    select
        moments.contact_id,
        moments.moment,
        {{ json_object_of('told.property', 'told.value') }} as properties
    from moments
    inner join properties_over_time as told
        on
            moments.contact_id = told.contact_id
            and moments.moment >= told.since
            and moments.moment < told.until
    where told.value <> 'null'
    group by moments.contact_id, moments.moment
),

absorbed as (
    select
        moments.contact_id,
        moments.moment,
        max_by(followed.into_contact_id, followed.merged_at) as into_contact_id
    from moments
    inner join {{ ref('contact_merges') }} as followed
        on
            moments.contact_id = followed.contact_id
            and moments.moment >= followed.merged_at
    where followed.merged_at < {{ tick_end() }}
    group by moments.contact_id, moments.moment
),

topics_to_agree_to as (
    select coalesce(list(topic order by topic), []) as topics
    from {{ ref('topics') }}
    where requires_consent and kind <> 'transactional'
),

versions as (
    select
        so_far.contact_id,
        so_far.moment as valid_from,
        {%- for trait in profile_traits() if trait not in ['locale', 'timezone'] %}
        case when not so_far.is_erased then so_far.{{ trait }} end as {{ trait }},
        {%- endfor %}
        coalesce(so_far.locale, '{{ var("account_locale") }}') as locale,
        coalesce(so_far.timezone, country_timezones.timezone, '{{ var("account_timezone") }}') as timezone,
        case when not so_far.is_erased then properties.properties end as properties,
        so_far.first_seen_at,
        cast(coalesce(purchases.orders_count, 0) as bigint) as orders_count,
        cast(coalesce(purchases.revenue, 0) as decimal(18, 2)) as revenue,
        cast(purchases.revenue / nullif(purchases.orders_count, 0) as decimal(18, 2)) as average_order_value,
        purchases.first_order_at,
        purchases.last_order_at,
        so_far.active_days,
        so_far.last_active_at,
        so_far.last_email_engaged_at,
        coalesce(consents.consents, []) as consents,
        consents.last_consent_at,
        coalesce(
            not so_far.has_complained
            and not so_far.is_erased
            and list_bool_or([
                {{ latest_statement("'email'", 'agreed', consents='consents.consents') }} = 'granted'
                for agreed in topics_to_agree_to.topics
            ]),
            false
        ) as email_consented,
        coalesce(list_contains(so_far.bounced, 'any') or list_contains(so_far.bounced, so_far.email), false) as is_hard_bounced,
        so_far.has_complained,
        so_far.is_erased,
        case
            when not so_far.is_erased and absorbed.into_contact_id is null
                then {{ next_anniversary('so_far.birth_date', 'so_far.moment') }}
        end as next_birthday,
        absorbed.into_contact_id as merged_into_contact_id
    from so_far
    cross join topics_to_agree_to
    left join purchases on so_far.contact_id = purchases.contact_id and so_far.moment = purchases.moment
    left join consents on so_far.contact_id = consents.contact_id and so_far.moment = consents.moment
    left join properties on so_far.contact_id = properties.contact_id and so_far.moment = properties.moment
    left join absorbed on so_far.contact_id = absorbed.contact_id and so_far.moment = absorbed.moment
    left join {{ ref('profile_country_timezones') }} as country_timezones on so_far.country = country_timezones.country
    where
        so_far.moment is not null
        and so_far.first_seen_at is not null
),

compared as (
    select
        *,
        row({{ profile_content() | join(', ') }}) as content,
        lag(content) over (partition by contact_id order by valid_from) as content_before
    from versions
)

select
    contact_id,
    valid_from,
    {{ profile_content() | join(',\n    ') }},
    {{ tick_end() }} as tick_end
from compared
where
    valid_from >= {{ tick_start() }}
    and content is distinct from content_before
