{{ config(materialized='incremental', event_time='valid_from') }}

-- Since when and until when a contact with this profile belongs to a segment, if nothing else changes. When something does,
-- the period is withdrawn, and another one may take its place.
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

compared as (
    select
        *,
        lag(member_from) over by_contact as previous_from,
        lag(member_until) over by_contact as previous_until
    from periods
    window by_contact as (partition by segment, contact_id order by valid_from)
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
    {{ tick_end() }} as tick_end
from changed
where previous_from is not null
order by valid_from, contact_id, segment
