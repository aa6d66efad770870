{{ config(event_time='valid_from') }}

-- What is known of a contact, once for each time that it changed. What this tick brings is put on top of the version before
-- it; what may depend on more than that (who is believed, what was cancelled, who was merged) is worked out again from the
-- contact's own history. Either way it does not matter in which ticks it became known.
with concerned as (
    select distinct contact_id
    from {{ ref('contact_news') }}
    {%- if is_incremental() %}

    union

    -- whose birthday passes in this tick; and everybody, where a month begins
    select contact_id
    from {{ this }}
    where
        valid_from >= {{ last_repeated_before(tick_start()) }}
        and valid_from < {{ tick_start() }}
        and ({{ in_tick('next_birthday', after='1 day') }} or {{ last_repeated_before(tick_end()) }} >= {{ tick_start() }})
    {%- endif %}
),

before_tick as (
    {%- if is_incremental() %}
    select * from {{ profile_before('concerned', tick_start(), versions=this) }}
    {%- else %}
    select
        cast(null as bigint) as contact_id,
        {%- for column, type in profile_content().items() %}
        cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
    {%- endif %}
),

absorbed as (
    select
        contact_id,
        min(merged_at) as merged_at,
        min_by(into_contact_id, merged_at) as into_contact_id
    from {{ ref('contact_merges') }}
    where
        merged_at < {{ tick_end() }}
        and contact_id in (select contact_id from concerned)
    group by contact_id
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

{%- for name, kinds in {
    'told': ['details', 'consents', 'orders', 'merged'],
    'detailed': ['details', 'merged'],
    'buying': ['orders', 'merged'],
    'consenting': ['consents', 'signals', 'merged'],
}.items() %}

{{ name }} as (
    select *
    from members
    where contact_id in (
        select contact_id
        from {{ ref('contact_news') }}
        where kind in ('{{ kinds | join("', '") }}')
    )
),
{%- endfor %}

stated_traits as (
    {{ trait_states(
        'told', ref('contact_details'), ref('consent_statements'), ref('orders'), ref('stg_orders'),
        ref('trait_sources'), ref('profile_timezones')
    ) }}
),

traits as (
    select
        stated_traits.*,
        country_timezones.timezone as country_timezone
    from stated_traits
    left join {{ ref('profile_country_timezones') }} as country_timezones on stated_traits.country = country_timezones.country
),

properties as (
    {{ property_states('detailed', ref('contact_details'), ref('trait_sources')) }}
),

purchases as (
    {{ purchase_states('buying', ref('orders')) }}
),

consents as (
    {{ consent_states('consenting', ref('consent_statements'), ref('contact_signals')) }}
),

birth_dates as (
    select
        contact_id,
        birth_date
    from before_tick
    where birth_date is not null

    union

    select
        contact_id,
        birth_date
    from traits
    where birth_date is not null
),

anniversaries as (
    select
        contact_id,
        unnest([
            birth_date + to_years(cast(this_year - year(birth_date) as integer)) + interval '1 day'
            for this_year in range(year({{ tick_start() }}) - 1, year({{ tick_end() }}) + 1)
        ]) as moment
    from birth_dates
),

months as (
    select
        contact_id,
        unnest(generate_series(
            date_trunc('month', {{ tick_start() }}),
            {{ tick_end() }} - interval '1 microsecond',
            interval '1 month'
        )) as moment
    from concerned
),

-- when something may have changed; nothing more is learnt of who was merged into another contact
moments as (
    select
        happened.contact_id,
        happened.moment,
        bool_or(happened.is_month_start) as is_month_start
    from (
        select
            contact_id,
            known_at as moment,
            false as is_month_start
        from {{ ref('contact_news') }}

        union all

        select
            *,
            false as is_month_start
        from anniversaries

        union all

        select
            *,
            true as is_month_start
        from months
    ) as happened
    left join absorbed on happened.contact_id = absorbed.contact_id
    where
        {{ in_tick('happened.moment') }}
        and (absorbed.merged_at is null or happened.moment <= absorbed.merged_at)
    group by happened.contact_id, happened.moment
),

merged as (
    select distinct contact_id
    from {{ ref('contact_news') }}
    where kind = 'merged'
),

activity as (
    {{ activity_states('moments', 'members', 'merged', ref('contact_activity_days')) }}
),

limits as (
    select
        moments.contact_id,
        moments.moment,
        list(coalesce(signals.email, 'any')) filter (where signals.signal = 'hard bounce') as bounced,
        list(signals.address order by signals.address) filter (where signals.signal = 'address gone') as lost_addresses,
        bool_or(signals.signal = 'complaint') as has_complained,
        bool_or(signals.signal = 'erased') as is_erased,
        min(signals.occurred_at) as first_told_at
    from {{ ref('contact_signals') }} as signals
    inner join members on signals.contact_id = members.member_id
    inner join moments on members.contact_id = moments.contact_id
    where
        signals.effective_at < {{ tick_end() }}
        and moments.moment >= greatest(signals.effective_at, members.member_since)
    group by moments.contact_id, moments.moment
),

topics_to_agree_to as (
    select coalesce(list(topic order by topic), []) as topics
    from {{ ref('topics') }}
    where requires_consent and kind <> 'transactional' and coalesce(channel, 'email') = 'email'
),

versions as (
    select
        moments.contact_id,
        moments.moment as valid_from,
        moments.is_month_start,
        {%- for trait in profile_traits() if trait not in ['locale', 'timezone'] %}
        case
            when limits.is_erased then null
            when traits.contact_id is null then before_tick.{{ trait }}
            else traits.{{ trait }}
        end as {{ trait }},
        {%- endfor %}
        coalesce(
            case when traits.contact_id is null then before_tick.locale else traits.locale end,
            '{{ var("account_locale") }}'
        ) as locale,
        coalesce(
            case when traits.contact_id is null then before_tick.timezone else traits.timezone end,
            traits.country_timezone,
            '{{ var("account_timezone") }}'
        ) as timezone,
        case
            when limits.is_erased then null
            when properties.contact_id is null then before_tick.properties
            else properties.properties
        end as properties,
        least(
            before_tick.first_seen_at, traits.first_told_at, activity.first_told_at, limits.first_told_at
        ) as first_seen_at,
        coalesce(purchases.orders_count, before_tick.orders_count, 0) as orders_count,
        coalesce(purchases.revenue, before_tick.revenue, 0) as revenue,
        {%- for moment in ['first_order_at', 'last_order_at'] %}
        case when purchases.contact_id is null then before_tick.{{ moment }} else purchases.{{ moment }} end as {{ moment }},
        {%- endfor %}
        coalesce(activity.new_days, 0)
        + case when merged.contact_id is null then coalesce(before_tick.active_days, 0) else 0 end as active_days,
        greatest(before_tick.last_active_at, activity.last_active_at) as last_active_at,
        greatest(before_tick.last_email_engaged_at, activity.last_email_engaged_at) as last_email_engaged_at,
        coalesce(consents.consents, before_tick.consents, []) as consents,
        coalesce(consents.last_consent_at, before_tick.last_consent_at) as last_consent_at,
        coalesce(limits.has_complained, false) as has_complained,
        coalesce(limits.is_erased, false) as is_erased,
        coalesce(
            list_contains(limits.bounced, 'any')
            or list_contains(limits.bounced, case when traits.contact_id is null then before_tick.email else traits.email end),
            false
        ) as is_hard_bounced,
        case when coalesce(limits.is_erased, false) then [] else coalesce(limits.lost_addresses, []) end as lost_addresses,
        case when moments.moment = absorbed.merged_at then absorbed.into_contact_id end as merged_into_contact_id
    from moments
    left join before_tick on moments.contact_id = before_tick.contact_id
    left join absorbed on moments.contact_id = absorbed.contact_id
    left join merged on moments.contact_id = merged.contact_id
    {%- for states in ['traits', 'properties', 'purchases', 'consents'] %}
    left join {{ states }}
        on
            moments.contact_id = {{ states }}.contact_id
            and moments.moment >= {{ states }}.since
            and moments.moment < {{ states }}.until
    {%- endfor %}
    left join activity on moments.contact_id = activity.contact_id and moments.moment = activity.moment
    left join limits on moments.contact_id = limits.contact_id and moments.moment = limits.moment
),

derived as (
    select
        versions.*,
        case
            when versions.merged_into_contact_id is null
                then {{ next_anniversary('versions.birth_date', 'versions.valid_from') }}
        end as next_birthday,
        versions.revenue / nullif(versions.orders_count, 0) as average_order_value,
        coalesce(
            not versions.has_complained
            and not versions.is_erased
            and list_bool_or([
                {{ latest_statement("'email'", 'agreed', consents='versions.consents') }} = 'granted'
                for agreed in topics_to_agree_to.topics
            ]),
            false
        ) as email_consented
    from versions
    cross join topics_to_agree_to
    where versions.first_seen_at is not null
),

typed as (
    select
        contact_id,
        valid_from,
        is_month_start,
        {%- for column, type in profile_content().items() %}
        cast({{ column }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from derived
),

hashed as (
    select
        typed.*,
        {{ content_hash(profile_content() | list, 'typed') }} as content_hash,
        case
            when before_tick.contact_id is not null
                then {{ content_hash(profile_content() | list, 'before_tick') }}
        end as hash_before_tick
    from typed
    left join before_tick on typed.contact_id = before_tick.contact_id
),

-- whose versions follow one another within the tick
moved as (
    select contact_id
    from moments
    group by contact_id
    having count(*) > 1
),

compared as (
    select
        *,
        coalesce(content_hash = hash_before_tick, false) as is_repeated
    from hashed
    where contact_id not in (select contact_id from moved)

    union all

    select
        *,
        coalesce(
            content_hash = lag(content_hash, 1, hash_before_tick) over (partition by contact_id order by valid_from),
            false
        ) as is_repeated
    from hashed
    where contact_id in (select contact_id from moved)
)

select
    contact_id,
    valid_from,
    {{ profile_content() | join(',\n    ') }},
    is_repeated,
    {{ tick_end() }} as tick_end
from compared
where is_month_start or not is_repeated
order by valid_from, contact_id
