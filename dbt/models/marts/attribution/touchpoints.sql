{{ config(event_time='known_at', access='protected') }}

{% set gap = stated_period('attribution_visit_gap') -%}
{%- set lateness = stated_period('attribution_visit_lateness') -%}
{%- set ad_clicks = var('attribution_ad_clicks') -%}
{%- set clicks = quoted_list(engagement_events().clicked) -%}
-- What may have brought somebody to an order: messages and what they met with, and visits by where they came from.
with messages as (
    select
        'sent' as kind,
        contact_id,
        action_id,
        enrollment_id,
        workflow,
        step,
        variant,
        channel,
        topic,
        send_after as touched_at,
        tick_end - interval '1 microsecond' as known_at
    from {{ ref('decisions') }}
    where
        tick_end > {{ tick_start() }}
        and tick_end <= {{ tick_end() }}
        and outcome = 'send'
        and kind = 'send'

    union all

    select
        kind,
        contact_id,
        action_id,
        enrollment_id,
        workflow,
        step,
        variant,
        channel,
        topic,
        occurred_at as touched_at,
        known_at
    from {{ ref('message_engagement') }}
    where
        {{ in_tick('known_at') }}
        and kind in ('opened', 'opened by machine', 'clicked')
),

-- what happens in a browser or an app says on which page, and each text of JSON is gone through once; a click on a message
-- opens a visit that is the message's
heard as (
    select
        contact_id,
        message_id,
        occurred_at,
        effective_at as known_at,
        coalesce(event in {{ clicks }}, false) as is_of_message,
        json_extract_string(context, [
            '$.page.url', '$.page.search', '$.page.referrer', '$.campaign.source', '$.campaign.medium', '$.campaign.name'
        ]) as told,
        json_extract_string(properties, ['$.url', '$.{{ ad_clicks | join("', '$.") }}']) as carried
    from {{ ref('events') }}
    where
        effective_at >= {{ tick_start() }} - {{ gap }} - {{ lateness }}
        and effective_at < {{ tick_end() }}
        and (
            type in ('page', 'screen')
            or type = 'track' and (context -> '$.page') is not null
            or event in {{ clicks }}
        )
),

landings as (
    select
        *,
        concat_ws('&', list_extract(told, 1), list_extract(told, 2), list_extract(carried, 1)) as url
    from heard
),

looks as (
    select
        contact_id,
        message_id,
        occurred_at,
        known_at,
        is_of_message,
        lower(coalesce(nullif(list_extract(told, 4), ''), {{ query_parameter('url', 'utm_source') }})) as utm_source,
        lower(coalesce(nullif(list_extract(told, 5), ''), {{ query_parameter('url', 'utm_medium') }})) as utm_medium,
        coalesce(nullif(list_extract(told, 6), ''), {{ query_parameter('url', 'utm_campaign') }}) as utm_campaign,
        regexp_extract(url, '[?&]({{ ad_clicks | join("|") }})=[^&#]', 1) as ad_parameter,
        carried,
        nullif(nullif(
            regexp_extract(list_extract(told, 3), '^https?://([^/:?#]+)', 1),
            regexp_extract(list_extract(told, 1), '^https?://([^/:?#]+)', 1)
        ), '') as came_from
    from landings
),

networks as (
    select
        * exclude (ad_parameter, carried),
        case
            {%- for parameter, network in ad_clicks.items() %}
            when ad_parameter = '{{ parameter }}' or list_extract(carried, {{ loop.index + 1 }}) is not null then '{{ network }}'
            {%- endfor %}
        end as ad_network
    from looks
),

origins as (
    select
        *,
        case
            when ad_network is not null then 'ad click'
            when coalesce(utm_source, utm_medium, utm_campaign) is not null then 'visit'
            when came_from is not null then 'visit'
            else 'direct'
        end as kind,
        coalesce(utm_source, ad_network, came_from) as origin_source
    from networks
),

visits as (
    select *
    from origins as landed
    where
        {{ in_tick('known_at') }}
        and not is_of_message
        -- asked of each row, because the tick's own look back is longer in a longer tick
        and not exists (
            select 1
            from origins as earlier
            where
                landed.contact_id = earlier.contact_id
                and (landed.occurred_at > earlier.occurred_at
                    or landed.occurred_at = earlier.occurred_at and landed.message_id > earlier.message_id)
                and earlier.occurred_at >= landed.occurred_at - {{ gap }}
                and landed.known_at >= earlier.known_at
                and earlier.known_at > landed.known_at - {{ gap }} - {{ lateness }}
                and (
                    landed.kind = 'direct'
                    or landed.kind = earlier.kind
                    and landed.origin_source is not distinct from earlier.origin_source
                    and landed.utm_medium is not distinct from earlier.utm_medium
                    and landed.utm_campaign is not distinct from earlier.utm_campaign
                )
        )
)

select
    {{ stable_hash(['messages.kind', 'messages.action_id']) }} as touch_id,
    messages.kind,
    messages.contact_id,
    messages.action_id,
    messages.enrollment_id,
    messages.workflow,
    messages.step,
    messages.variant,
    messages.channel,
    'own' as source,
    messages.workflow as campaign,
    messages.topic,
    messages.touched_at,
    messages.known_at
from messages
left join {{ ref('topics') }} as topics on messages.topic = topics.topic
-- a message that belongs to an order is not what the next order came of
where coalesce(topics.kind, 'promotional') <> 'transactional'

union all

select
    {{ stable_hash(["'visit'", 'message_id']) }} as touch_id,
    kind,
    contact_id,
    cast(null as bigint) as action_id,
    cast(null as bigint) as enrollment_id,
    cast(null as varchar) as workflow,
    cast(null as varchar) as step,
    cast(null as varchar) as variant,
    coalesce(utm_medium, case kind when 'ad click' then 'paid' when 'visit' then 'referral' else 'direct' end) as channel,
    origin_source as source,
    utm_campaign as campaign,
    cast(null as varchar) as topic,
    occurred_at as touched_at,
    known_at
from visits
