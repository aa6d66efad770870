{{ config(event_time='known_at', access='protected') }}

-- Every order beside what its person met with in the time before it: what models of attribution share out the credit among.
with conversions as (
    select *
    from {{ ref('conversions') }}
    where {{ in_tick('known_at') }}
),

-- what somebody met with under another id was theirs too
known_as as (
    select
        conversion_id,
        contact_id as member_id
    from conversions
    where contact_id is not null
    union
    select
        conversions.conversion_id,
        absorbed.contact_id as member_id
    from conversions
    inner join {{ ref('contact_merges') }} as absorbed
        on conversions.contact_id = absorbed.into_contact_id and conversions.known_at >= absorbed.merged_at
),

touches as (
    select *
    from {{ ref('touchpoints') }}
    where
        kind in {{ quoted_list(var('attribution_kinds')) }}
        and touched_at
        > {{ tick_start() }} - {{ stated_period('latest_conversion') }} - {{ stated_period('attribution_window') }}
        and contact_id in (select member_id from known_as)
),

not_received as (
    select
        action_id,
        effective_at as known_at
    from {{ ref('stg_outcomes') }}
    where
        status in ('rejected', 'failed', 'expired')
        and effective_at < {{ tick_end() }}
        and action_id in (select action_id from touches)
    union all
    select
        action_id,
        known_at
    from {{ ref('message_engagement') }}
    where
        kind = 'bounced'
        and known_at < {{ tick_end() }}
        and action_id in (select action_id from touches)
),

-- a message is one touch: when it was sent, or when it was answered last
met_with as (
    select
        conversions.conversion_id,
        touches.*
    from conversions
    inner join known_as on conversions.conversion_id = known_as.conversion_id
    inner join touches
        on
            known_as.member_id = touches.contact_id
            and conversions.known_at >= touches.known_at
            and conversions.converted_at >= touches.touched_at
            and conversions.converted_at < touches.touched_at + {{ stated_period('attribution_window') }}
    where not exists (
        select 1
        from not_received
        where not_received.action_id = touches.action_id and not_received.known_at <= conversions.known_at
    )
    qualify row_number() over (
        partition by conversions.conversion_id, coalesce(touches.action_id, touches.touch_id)
        order by touches.touched_at desc, touches.touch_id desc
    ) = 1
)

select
    conversions.conversion_id,
    coalesce(met_with.touch_id, {{ stable_hash(["'unknown'", 'conversions.conversion_id']) }}) as touch_id,
    coalesce(met_with.kind, 'unknown') as kind,
    met_with.action_id,
    conversions.contact_id,
    met_with.enrollment_id,
    met_with.workflow,
    met_with.step,
    met_with.variant,
    coalesce(met_with.channel, 'unknown') as channel,
    met_with.source,
    met_with.campaign,
    met_with.topic,
    coalesce(met_with.touched_at, conversions.converted_at) as touched_at,
    conversions.converted_at,
    conversions.known_at,
    conversions.revenue,
    conversions.currency
from conversions
left join met_with on conversions.conversion_id = met_with.conversion_id
