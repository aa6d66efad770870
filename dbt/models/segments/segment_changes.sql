{{ config(materialized='incremental', event_time='changed_at') }}

-- Who entered and left which segment, and when exactly: because something happened, or because time went by. Whom a new
-- definition of the segment takes in or puts out is told apart, because nothing has happened to them; and so is who was
-- merged into another that belongs to it, because the person has not left.
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
    where
        is_withdrawn
        and not exists (
            select 1
            from changed as earlier
            where
                earlier.segment = changed.segment
                and earlier.contact_id = changed.contact_id
                and earlier.valid_from < changed.valid_from
        )
),

states as (
    select
        segment,
        contact_id,
        timestamp '0001-01-01' as valid_from,
        member_from,
        member_until,
        false as is_redefined,
        false as goes_on_as_another
    from carried

    union all

    select
        segment,
        contact_id,
        valid_from,
        max(member_from) filter (where not is_withdrawn) as member_from,
        max(member_until) filter (where not is_withdrawn) as member_until,
        bool_or(is_redefined) as is_redefined,
        bool_or(goes_on_as_another) as goes_on_as_another
    from changed
    group by segment, contact_id, valid_from
),

-- whose states follow one another: everybody else's hold until the tick ends
moved as (
    select contact_id
    from states
    group by contact_id
    having min(valid_from) < max(valid_from)
),

limited as (
    select
        *,
        {{ tick_end() }} as valid_until,
        false as is_redefined_after,
        false as goes_on_as_another_after
    from states
    where contact_id not in (select contact_id from moved)

    union all

    select
        *,
        lead(valid_from, 1, {{ tick_end() }}) over by_contact as valid_until,
        lead(is_redefined, 1, false) over by_contact as is_redefined_after,
        lead(goes_on_as_another, 1, false) over by_contact as goes_on_as_another_after
    from states
    where contact_id in (select contact_id from moved)
    window by_contact as (partition by contact_id, segment order by valid_from)
),

stays as (
    select
        segment,
        contact_id,
        greatest(valid_from, member_from) as entered_at,
        least(valid_until, coalesce(member_until, valid_until)) as left_at,
        is_redefined and member_from <= valid_from as is_ruled_in,
        is_redefined_after and coalesce(member_until >= valid_until, true) as is_ruled_out,
        goes_on_as_another_after and coalesce(member_until >= valid_until, true) as is_merged
    from limited
    where
        member_from is not null
        and greatest(valid_from, member_from) < least(valid_until, coalesce(member_until, valid_until))
),

-- a stay that follows another without a gap is no new one
bounded as (
    select
        *,
        cast(null as timestamp) as left_before,
        cast(null as timestamp) as enters_after
    from stays
    where contact_id not in (select contact_id from moved)

    union all

    select
        *,
        lag(left_at) over by_contact as left_before,
        lead(entered_at) over by_contact as enters_after
    from stays
    where contact_id in (select contact_id from moved)
    window by_contact as (partition by contact_id, segment order by entered_at)
)

select
    segment,
    contact_id,
    entered_at as changed_at,
    case when is_ruled_in then 'ruled in' else 'entered' end as change,
    {{ tick_end() }} as tick_end
from bounded
where {{ in_tick('entered_at') }} and entered_at is distinct from left_before

union all

select
    segment,
    contact_id,
    left_at as changed_at,
    case when is_ruled_out then 'ruled out' when is_merged then 'merged' else 'left' end as change,
    {{ tick_end() }} as tick_end
from bounded
where {{ in_tick('left_at') }} and left_at is distinct from enters_after
