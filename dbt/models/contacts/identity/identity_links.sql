{{ config(event_time='linked_at') }}

with sightings as (
    select *
    from {{ sightings(
        contacts=ref('stg_contacts'),
        events=ref('stg_events'),
        orders=ref('stg_orders'),
        consents=ref('stg_consents')
    ) }} as combinations
),

sighted as (
    select
        anchor_type as stronger_type,
        anchor_id as stronger_id,
        identifier_type as weaker_type,
        identifier_id as weaker_id,
        seen_at
    from {{ typed_identifiers('sightings', keep=['anchor_type', 'anchor_id', 'anchor_links', 'seen_at']) }} as identifiers
    where anchor_links and links and identifier_type <> anchor_type
),

pairs as (
    select
        {{ stable_hash(['stronger_id', 'weaker_id']) }} as link_id,
        stronger_type,
        stronger_id,
        weaker_type,
        weaker_id,
        min(seen_at) as linked_at
    from sighted
    group by
        stronger_type,
        stronger_id,
        weaker_type,
        weaker_id
),

earlier as (
    {%- if is_incremental() %}
    select
        link_id,
        stronger_type,
        stronger_id,
        weaker_type,
        weaker_id
    from {{ this }}
    where
        linked_at < {{ tick_start() }}
        and (
            weaker_id in (select weaker_id from pairs)
            or stronger_id in (select stronger_id from pairs)
        )
    {%- else %}
    select
        link_id,
        stronger_type,
        stronger_id,
        weaker_type,
        weaker_id
    from pairs
    where false
    {%- endif %}
),

earlier_of_weaker as (
    select
        weaker_id,
        stronger_type,
        count(*) as links
    from earlier
    group by
        weaker_id,
        stronger_type
),

earlier_of_stronger as (
    select
        stronger_id,
        weaker_type,
        count(*) as links
    from earlier
    group by
        stronger_id,
        weaker_type
),

-- whose turn each new pair is, on either side: which are too many is settled at their birth, whatever comes later
ranked as (
    select
        pairs.*,
        row_number() over (
            partition by pairs.weaker_id, pairs.stronger_type order by pairs.linked_at, pairs.link_id
        ) + coalesce(earlier_of_weaker.links, 0) as nth_of_weaker,
        row_number() over (
            partition by pairs.stronger_id, pairs.weaker_type order by pairs.linked_at, pairs.link_id
        ) + coalesce(earlier_of_stronger.links, 0) as nth_of_stronger
    from pairs
    left join earlier_of_weaker
        on pairs.weaker_id = earlier_of_weaker.weaker_id and pairs.stronger_type = earlier_of_weaker.stronger_type
    left join earlier_of_stronger
        on pairs.stronger_id = earlier_of_stronger.stronger_id and pairs.weaker_type = earlier_of_stronger.weaker_type
    where pairs.link_id not in (select link_id from earlier)
),

judged as (
    select
        ranked.*,
        case
            when ranked.nth_of_weaker > weaker_limits.max_links then weaker_limits.reason
            when ranked.nth_of_stronger > stronger_limits.max_links then stronger_limits.reason
        end as rejection_reason
    from ranked
    left join {{ ref('identity_link_limits') }} as weaker_limits
        on ranked.weaker_type = weaker_limits.identifier_type and ranked.stronger_type = weaker_limits.linked_type
    left join {{ ref('identity_link_limits') }} as stronger_limits
        on ranked.stronger_type = stronger_limits.identifier_type and ranked.weaker_type = stronger_limits.linked_type
)

select
    link_id,
    stronger_id,
    weaker_id,
    stronger_type,
    weaker_type,
    nth_of_stronger,
    nth_of_weaker,
    linked_at,
    rejection_reason is null as is_accepted,
    rejection_reason
from judged
