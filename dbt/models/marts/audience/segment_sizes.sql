{{ config(materialized='view') }}

-- How large each segment was at the end of each day, and who came and went in it.
with changes as (
    select
        segment,
        cast(changed_at as date) as day,
        cast(count(*) filter (change in ('entered', 'ruled in')) as bigint) as joined,
        cast(count(*) filter (change in ('left', 'ruled out', 'merged')) as bigint) as parted
    from {{ ref('segment_changes') }}
    group by segment, cast(changed_at as date)
),

-- from the first change on, which takes in what history tells; a day without any is a day, too
days as (
    select cast(unnest(generate_series(min(day), max(day), interval '1 day')) as date) as day
    from (
        select min(day) as day from changes
        union all
        select cast(max(tick_end) - interval '1 microsecond' as date) as day
        from {{ ref('ticks') }}
        having max(tick_end) is not null
    ) as bounds
),

segments as (
    {%- for segment in var('segments') %}
    select '{{ segment }}' as segment
    {{- ' union all' if not loop.last }}
    {%- endfor %}
)

select
    days.day,
    segments.segment,
    coalesce(changes.joined, 0) as joined,
    coalesce(changes.parted, 0) as parted,
    cast(
        sum(coalesce(changes.joined, 0) - coalesce(changes.parted, 0)) over (partition by segments.segment order by days.day)
        as bigint
    ) as members
from days
cross join segments
left join changes on days.day = changes.day and segments.segment = changes.segment
