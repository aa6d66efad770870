{{ config(materialized='incremental', event_time='changed_at') }}

-- Who entered and left which segment, and when exactly: because something happened, or because time went by.
with changed as (
    select *
    from {{ ref('segment_periods') }}
    where {{ in_tick('valid_from') }}
),

-- earlier periods that begin or end in this tick
falling_due as (
    select *
    from {{ ref('segment_periods') }}
    where {{ in_tick('member_from') }} and valid_from < {{ tick_start() }}

    union

    select *
    from {{ ref('segment_periods') }}
    where {{ in_tick('member_until') }} and valid_from < {{ tick_start() }}
),

carried as (
    select
        segment,
        contact_id,
        member_from,
        member_until
    from falling_due
    group by segment, contact_id, member_from, member_until
    having sum(case when is_withdrawn then -1 else 1 end) > 0

    union

    select
        segment,
        contact_id,
        member_from,
        member_until
    from changed
    qualify is_withdrawn and valid_from = min(valid_from) over (partition by segment, contact_id)
),

states as (
    select
        segment,
        contact_id,
        timestamp '0001-01-01' as valid_from,
        member_from,
        member_until
    from carried

    union all

    select
        segment,
        contact_id,
        valid_from,
        max(member_from) filter (where not is_withdrawn) as member_from,
        max(member_until) filter (where not is_withdrawn) as member_until
    from changed
    group by segment, contact_id, valid_from
),

limited as (
    select
        *,
        lead(valid_from, 1, {{ tick_end() }}) over (partition by segment, contact_id order by valid_from) as valid_until
    from states
),

stays as (
    select
        segment,
        contact_id,
        greatest(valid_from, member_from) as entered_at,
        least(valid_until, coalesce(member_until, valid_until)) as left_at
    from limited
    where
        member_from is not null
        and greatest(valid_from, member_from) < least(valid_until, coalesce(member_until, valid_until))
),

-- a stay that follows another without a gap is no new one
bounded as (
    select
        *,
        lag(left_at) over by_contact as left_before,
        lead(entered_at) over by_contact as enters_after
    from stays
    window by_contact as (partition by segment, contact_id order by entered_at)
)

select
    segment,
    contact_id,
    entered_at as changed_at,
    'entered' as change,
    {{ tick_end() }} as tick_end
from bounded
where {{ in_tick('entered_at') }} and entered_at is distinct from left_before

union all

select
    segment,
    contact_id,
    left_at as changed_at,
    'left' as change,
    {{ tick_end() }} as tick_end
from bounded
where {{ in_tick('left_at') }} and left_at is distinct from enters_after
