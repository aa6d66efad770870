-- Whoever is in an audience of an ad platform and may not be shown ads any more: from when they say so, from when they
-- turn out to be in although they had said so before, and once more where leaving came to nothing.
with memberships as (
    select
        action_id,
        contact_id,
        audience,
        change,
        known_as,
        effective_at
    from {{ ref('audience_memberships') }}
    where effective_at < {{ tick_end() }}
),

-- a merge at the very end of the tick belongs to the next
known as (
    select * from {{ with_surviving_contacts('memberships', tick_end() ~ " - interval '1 microsecond'") }} as people
),

joined as (
    select
        contact_id,
        audience,
        action_id,
        known_as,
        effective_at as joined_at
    from known
    where change = 'joined'
),

refusing as (
    select
        contact_id,
        valid_from as since
    from {{ ref('contact_profile_versions') }}
    where
        {{ in_tick('valid_from') }}
        and merged_into_contact_id is null
        and (is_erased or not {{ consents_to('audience', 'advertising') }})
        and contact_id in (select contact_id from joined)
),

answered as (
    select
        known.*,
        profiles.is_erased or not {{ consents_to('audience', 'advertising') }} as refuses
    from known
    inner join {{ profile_at('known', 'effective_at') }} as profiles
        on known.contact_id = profiles.contact_id and known.effective_at = profiles.asked_at
    where {{ in_tick('known.effective_at') }} and known.change <> 'left'
),

reasons as (
    select
        joined.*,
        cast(joined.action_id as varchar) as entry_key,
        refusing.since as reached_at
    from joined
    inner join refusing on joined.contact_id = refusing.contact_id and joined.joined_at <= refusing.since

    union all

    select
        joined.*,
        case
            when answered.change = 'joined' then cast(joined.action_id as varchar)
            else concat(joined.action_id, '/', answered.action_id)
        end as entry_key,
        answered.effective_at as reached_at
    from joined
    inner join answered
        on
            joined.contact_id = answered.contact_id
            and joined.audience = answered.audience
            and joined.joined_at <= answered.effective_at
            and (answered.change = 'not left' or joined.action_id = answered.action_id)
    where answered.refuses
),

still_in as (
    select
        contact_id,
        entry_key,
        reached_at,
        reached_at as occurred_at,
        audience,
        known_as
    from reasons
    where
        not exists (
            select 1
            from known as gone
            where
                gone.contact_id = reasons.contact_id
                and gone.audience = reasons.audience
                and gone.change = 'left'
                and gone.effective_at > reasons.joined_at
                and gone.effective_at <= reasons.reached_at
        )
)

select * from {{ entries('still_in', reentry='per key', holdout=0) }}
