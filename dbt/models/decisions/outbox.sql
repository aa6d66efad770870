{{ config(materialized='table', access='public') }}

-- What leaves in this tick, with all that a channel needs to carry it.
with sends as (
    select *
    from {{ ref('decisions') }}
    where tick_end = {{ tick_end() }} and outcome = 'send'
),

profiles as (
    select
        contact_id,
        locale,
        timezone,
        to_json(struct_pack(
            user_id := user_id,
            email := email,
            phone := phone,
            first_name := first_name,
            last_name := last_name,
            country := country
        )) as profile
    from {{ profile_as_of_tick('sends') }}
),

-- where the website is decided for: a visitor is known by the id of the browser long before by anything else
browsers as (
    select
        identity_map.contact_id,
        list_sort(list(distinct identifiers.identifier_value)) as anonymous_ids
    from {{ ref('identity_map') }} as identity_map
    inner join {{ ref('identifiers') }} as identifiers on identity_map.identifier_id = identifiers.identifier_id
    where
        identifiers.identifier_type = 'anonymous_id'
        and identity_map.valid_from < {{ tick_end() }}
        and identity_map.contact_id in (select sends.contact_id from sends where sends.channel = 'web')
    group by identity_map.contact_id
)

select
    sends.action_id,
    sends.tick_end,
    sends.workflow,
    sends.step,
    sends.enrollment_id,
    sends.contact_id,
    sends.kind,
    sends.channel,
    case when sends.kind = 'send' then eligibility.address else cast(sends.contact_id as varchar) end as address,
    sends.template,
    sends.topic,
    sends.topic_kind,
    sends.variant,
    profiles.locale,
    profiles.timezone,
    case
        when sends.channel = 'web' and browsers.contact_id is not null
            then
                left(cast(profiles.profile as varchar), length(cast(profiles.profile as varchar)) - 1)
                || ',"anonymous_ids":' || cast(to_json(browsers.anonymous_ids) as varchar) || '}'
        else cast(profiles.profile as varchar)
    end as profile,
    sends.context,
    sends.send_after,
    sends.expires_at
from sends
left join {{ ref('candidate_eligibility') }} as eligibility
    on
        sends.contact_id = eligibility.contact_id
        and sends.channel = eligibility.channel
        and sends.topic = eligibility.topic
left join profiles on sends.contact_id = profiles.contact_id
left join browsers on sends.contact_id = browsers.contact_id
