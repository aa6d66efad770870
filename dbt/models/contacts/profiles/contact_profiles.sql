{{ config(materialized='view', access='public') }}

-- Who everybody is, as of the last completed tick; contacts that were merged into another are found under that one.
with last_tick as (
    select max(tick_end) as as_of
    from {{ source('engine', 'windows') }}
    where scope = 'contacts' and succeeded
),

profiles as (
    select
        versions.*,
        last_tick.as_of,
        {{ full_days_between('versions.last_order_at', 'last_tick.as_of') }} as recency_days
    from {{ ref('contact_profile_versions') }} as versions
    cross join last_tick
    where
        versions.valid_from >= {{ last_repeated_before('last_tick.as_of') }}
        and versions.valid_from < last_tick.as_of
    qualify row_number() over (partition by versions.contact_id order by versions.valid_from desc) = 1
),

stages as (
    select
        list(
            struct_pack(stage := stage, at_least_orders := at_least_orders, at_least_days := at_least_days)
            order by place
        ) as stages
    from {{ ref('profile_lifecycle_stages') }}
),

scores as (
    select
        list(struct_pack(score := score, at_least := at_least)) filter (where measure = 'recency') as recency,
        list(struct_pack(score := score, at_least := at_least)) filter (where measure = 'frequency') as frequency,
        list(struct_pack(score := score, at_least := at_least)) filter (where measure = 'monetary') as monetary
    from {{ ref('profile_rfm_scores') }}
)

select
    profiles.contact_id,
    profiles.user_id,
    profiles.email,
    profiles.phone,
    profiles.first_name,
    profiles.last_name,
    profiles.birth_date,
    profiles.country,
    profiles.locale,
    profiles.timezone,
    cast(profiles.properties as varchar) as properties,
    list_extract([
        stage['stage'] for stage in stages.stages
        if profiles.orders_count >= stage['at_least_orders'] and coalesce(profiles.recency_days, 0) >= stage['at_least_days']
    ], 1) as lifecycle_stage,
    profiles.orders_count,
    profiles.revenue,
    profiles.average_order_value,
    profiles.recency_days,
    -- the longer ago, the lower; the more, the higher
    list_min([step['score'] for step in scores.recency if profiles.recency_days >= step['at_least']]) as recency_score,
    list_max([step['score'] for step in scores.frequency if profiles.orders_count >= step['at_least']]) as frequency_score,
    case
        when profiles.orders_count > 0
            then coalesce(list_max([step['score'] for step in scores.monetary if profiles.revenue >= step['at_least']]), 1)
    end as monetary_score,
    profiles.active_days,
    profiles.email_consented,
    profiles.is_hard_bounced,
    profiles.has_complained,
    profiles.is_erased,
    profiles.next_birthday,
    profiles.first_seen_at,
    profiles.first_order_at,
    profiles.last_order_at,
    profiles.last_active_at,
    profiles.last_email_engaged_at,
    profiles.last_consent_at,
    profiles.valid_from as changed_at,
    profiles.as_of
from profiles
cross join stages
cross join scores
where profiles.merged_into_contact_id is null
