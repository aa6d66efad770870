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

redefined as (
    select segment
    from {{ ref('segment_definitions') }}
    where {{ in_tick('changed_at') }}
),

judged as (
    select
        periods.* replace (
            case when redefined.segment is null then valid_from else greatest(valid_from, {{ tick_start() }}) end as valid_from
        ),
        redefined.segment is not null and valid_from < {{ tick_start() }} as is_redefined
    from periods
    left join redefined on periods.segment = redefined.segment
    -- what changes at the very moment comes after the definition
    qualify row_number() over (
        partition by
            periods.segment,
            contact_id,
            case when redefined.segment is null then valid_from else greatest(valid_from, {{ tick_start() }}) end
        order by valid_from desc
    ) = 1
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

compared as (
    select
        judged.*,
        lag(judged.member_from) over by_contact as previous_from,
        lag(judged.member_until) over by_contact as previous_until,
        -- who is merged into another has not left a segment to which that one belongs
        merged.contact_id is not null
        and coalesce(
            bool_or(
                merged.contact_id is null
                and judged.member_from <= judged.valid_from
                and coalesce(judged.member_until > judged.valid_from, true)
            ) over (
                partition by judged.segment, judged.valid_from, coalesce(merged.into_contact_id, judged.contact_id)
            ),
            false
        ) as goes_on_as_another
    from judged
    left join merged on judged.contact_id = merged.contact_id and judged.valid_from = merged.merged_at
    window by_contact as (partition by judged.segment, judged.contact_id order by judged.valid_from)
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
