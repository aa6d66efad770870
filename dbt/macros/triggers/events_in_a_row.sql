{#- A trigger: things have happened one after the other within a period. It fires on the last of them. That one alone does not
    make it fire again: the row must be walked through anew, from its last step but one at least.

    row     names of CTEs or relations, in the order in which their events must come; each has contact_id, occurred_at and
            effective_at
    within  from the first to the last: '2 days'

    The order is that in which the events became known. Those of a contact that was merged into another count for that one from
    the merge on.

        with viewed as (...), asked as (...),
        interested as (select * from {{ events_in_a_row(['viewed', 'asked'], within='2 days') }})
-#}
{% macro events_in_a_row(row, within) -%}
    {%- if row | length < 2 -%}
        {%- do exceptions.raise_compiler_error(model.name ~ ": a row of events needs two at least.") -%}
    {%- endif -%}
    {%- set looked_at -%}
        > {{ tick_start() }} - interval '{{ within }}' and earlier.effective_at < {{ tick_end() }}
    {%- endset -%}
    (
        with step_{{ row | length }} as (
            select
                contact_id,
                effective_at as ended_at,
                effective_at as reached_at,
                max(occurred_at) as occurred_at
            from {{ row[-1] }}
            where {{ in_tick('effective_at') }}
            group by contact_id, effective_at
        ),

        people as (
            {{ people_of('step_' ~ row | length) }}
        ),

        {%- for place in range(row | length - 1, 0, -1) %}

        -- going back, each time to the latest that fits
        step_{{ place }} as (
            select
                later.contact_id,
                later.ended_at,
                max(earlier.effective_at) as reached_at,
                later.occurred_at
            from step_{{ place + 1 }} as later
            inner join people on later.contact_id = people.contact_id and later.ended_at >= people.since
            inner join {{ row[place - 1] }} as earlier
                on
                    people.member_id = earlier.contact_id
                    and later.reached_at > earlier.effective_at
                    and later.ended_at - interval '{{ within }}' < earlier.effective_at
            where earlier.effective_at {{ looked_at }}
            group by later.contact_id, later.ended_at, later.occurred_at
        ),
        {%- endfor %}

        ended_before as (
            select
                later.contact_id,
                later.ended_at,
                max(earlier.effective_at) as ended_before
            from step_1 as later
            inner join people on later.contact_id = people.contact_id and later.ended_at >= people.since
            inner join {{ row[-1] }} as earlier
                on
                    people.member_id = earlier.contact_id
                    and later.ended_at > earlier.effective_at
                    and later.ended_at - interval '{{ within }}' < earlier.effective_at
            where earlier.effective_at {{ looked_at }}
            group by later.contact_id, later.ended_at
        )

        select
            walked.contact_id,
            'ended at ' || cast(walked.ended_at as varchar) as entry_key,
            walked.ended_at as reached_at,
            walked.occurred_at
        from step_1 as walked
        inner join step_{{ row | length - 1 }} as last_but_one
            on walked.contact_id = last_but_one.contact_id and walked.ended_at = last_but_one.ended_at
        left join ended_before
            on walked.contact_id = ended_before.contact_id and walked.ended_at = ended_before.ended_at
        where ended_before.ended_before is null or ended_before.ended_before <= last_but_one.reached_at
    )
{%- endmacro %}
