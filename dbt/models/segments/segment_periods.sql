{{ config(materialized='incremental', event_time='valid_from') }}

-- Since when and until when a contact with this profile belongs to a segment, if nothing else changes. When something does,
-- the period is withdrawn, and another one may take its place. So it is when the segment is defined anew, for everybody.
with periods as (
    {%- for segment in var('segments') %}
    select
        '{{ segment }}' as segment,
        contact_id,
        valid_from,
        member_from,
        member_until
    from {{ ref(segment) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- of whom one profile is known in all: they belong or they do not, and nothing is to be withdrawn
newcomers as (
    select contact_id
    from {{ ref('changed_profiles') }}
    group by contact_id
    having count(*) = 1 and min(valid_from) >= {{ tick_start() }}
),

redefined as (
    select segment
    from {{ ref('segment_definitions') }}
    where {{ in_tick('changed_at') }}
),

-- what changes at the very moment comes after the definition
judged_anew as (
    select
        periods.* replace (greatest(valid_from, {{ tick_start() }}) as valid_from),
        valid_from < {{ tick_start() }} as is_redefined
    from periods
    where segment in (select segment from redefined)
    qualify row_number() over (
        partition by segment, contact_id, greatest(valid_from, {{ tick_start() }})
        order by valid_from desc
    ) = 1
),

judged as (
    select
        *,
        false as is_redefined
    from periods
    where
        segment not in (select segment from redefined)
        and (member_from is not null or contact_id not in (select contact_id from newcomers))

    union all by name

    select * from judged_anew
    {%- if is_incremental() %}

    union all by name

    -- who belonged by the definition before
    select
        before_tick.segment,
        before_tick.contact_id,
        timestamp '0001-01-01' as valid_from,
        before_tick.member_from,
        before_tick.member_until,
        false as is_redefined
    from {{ this }} as before_tick
    inner join redefined on before_tick.segment = redefined.segment
    where before_tick.valid_from < {{ tick_start() }}
    qualify
        not before_tick.is_withdrawn
        and row_number() over (
            partition by before_tick.segment, before_tick.contact_id
            order by before_tick.valid_from desc, before_tick.is_withdrawn
        ) = 1
    {%- endif %}
),

merged as (
    select *
    from {{ ref('contact_merges') }}
    where {{ in_tick('merged_at') }}
),

-- who is merged into another has not left a segment to which that one belongs
going_on as (
    select
        judged.segment,
        merged.contact_id,
        merged.merged_at
    from merged
    inner join judged on merged.into_contact_id = judged.contact_id and merged.merged_at = judged.valid_from
    where
        judged.member_from <= judged.valid_from
        and coalesce(judged.member_until > judged.valid_from, true)
),

-- of whom more than one moment is looked at: nobody else has anything to be compared with
moved as (
    select contact_id
    from judged
    group by contact_id
    having min(valid_from) < max(valid_from)
),

compared as (
    select
        *,
        cast(null as timestamp) as previous_from,
        cast(null as timestamp) as previous_until,
        false as goes_on_as_another
    from judged
    where contact_id not in (select contact_id from moved)

    union all

    select
        judged.*,
        lag(judged.member_from) over by_contact as previous_from,
        lag(judged.member_until) over by_contact as previous_until,
        going_on.contact_id is not null as goes_on_as_another
    from judged
    left join going_on
        on
            judged.segment = going_on.segment
            and judged.contact_id = going_on.contact_id
            and judged.valid_from = going_on.merged_at
    where judged.contact_id in (select contact_id from moved)
    window by_contact as (partition by judged.contact_id, judged.segment order by judged.valid_from)
),

changed as (
    select *
    from compared
    where
        valid_from >= {{ tick_start() }}
        and (member_from is distinct from previous_from or member_until is distinct from previous_until)
)

select
    segment,
    contact_id,
    valid_from,
    member_from,
    member_until,
    false as is_withdrawn,
    is_redefined,
    false as goes_on_as_another,
    {{ tick_end() }} as tick_end
from changed
where member_from is not null

union all

select
    segment,
    contact_id,
    valid_from,
    previous_from as member_from,
    previous_until as member_until,
    true as is_withdrawn,
    is_redefined,
    goes_on_as_another,
    {{ tick_end() }} as tick_end
from changed
where previous_from is not null
order by valid_from, contact_id, segment
