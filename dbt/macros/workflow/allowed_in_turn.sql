{#- CTEs that end in `allowed`: of the entries that are due, those that no earlier entry of the same person stands in the way of,
    and that a limit leaves room for. Each decides about the next, hence the walk: a person's entries take turns, and those
    allowed are remembered.

    in_the_way  a condition over `due` and `preceded`: an earlier entry forbids this one
    limit       {'times': 3, 'period': '30 days'}, or none -#}
{% macro allowed_in_turn(due, preceded, in_the_way, limit=none) -%}
    {%- set counts -%}
        due.reached_at < preceded.earlier_at + interval '{{ limit.period if limit else '' }}'
    {%- endset -%}
    near as (
            select
                preceded.enrollment_id,
                preceded.earlier_enrollment_id,
                {%- if limit %}
                {{ in_the_way }} as is_in_the_way,
                {{ counts }} as counts,
                {%- else %}
                true as is_in_the_way,
                {%- endif %}
                preceded.earlier_at < {{ tick_start() }} as earlier_is_settled
            from {{ preceded }} as preceded
            inner join {{ due }} as due on preceded.enrollment_id = due.enrollment_id
            where {{ in_the_way }}{{ ' or ' ~ counts if limit }}
        ),

        undecided as (
            select
                due.enrollment_id,
                due.contact_id,
                due.reached_at,
                {%- if limit %}
                count(distinct near.earlier_enrollment_id) filter (near.counts and near.earlier_is_settled) as settled_entries,
                coalesce(list(near.earlier_enrollment_id) filter (near.counts and not near.earlier_is_settled), []) as counted,
                {%- endif %}
                coalesce(list(near.earlier_enrollment_id) filter (near.is_in_the_way), []) as in_the_way
            from {{ due }} as due
            left join near on due.enrollment_id = near.enrollment_id
            group by due.enrollment_id, due.contact_id, due.reached_at
            having not coalesce(bool_or(near.is_in_the_way and near.earlier_is_settled), false)
        ),

        -- contacts who become one within the tick wait for each other
        turns as (
            select
                *,
                row_number() over (partition by contact_id order by reached_at, enrollment_id) as turn
            from {{ with_surviving_contacts('undecided', tick_end() ~ " - interval '1 microsecond'") }} as people
        ),

        walk as (
            with recursive steps as (
                select
                    contact_id,
                    cast(0 as bigint) as turn,
                    cast(null as bigint) as enrollment_id,
                    false as is_allowed,
                    cast([] as bigint[]) as allowed_before
                from turns
                where turn = 1
                union all
                select
                    contact_id,
                    turn,
                    enrollment_id,
                    is_allowed,
                    case when is_allowed then list_append(allowed_before, enrollment_id) else allowed_before end as allowed_before
                from (
                    select
                        turns.contact_id,
                        turns.turn,
                        turns.enrollment_id,
                        steps.allowed_before,
                        {%- if limit %}
                        turns.settled_entries + len(list_intersect(turns.counted, steps.allowed_before)) < {{ limit.times }} and
                        {%- endif %}
                        not list_has_any(turns.in_the_way, steps.allowed_before) as is_allowed
                    from steps
                    inner join turns on steps.contact_id = turns.contact_id and turns.turn = steps.turn + 1
                ) as tried
            )

            select * from steps
        ),

        allowed as (
            select enrollment_id
            from walk
            where is_allowed
        )
{%- endmacro %}
