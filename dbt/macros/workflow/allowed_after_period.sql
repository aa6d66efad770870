{#- CTEs that end in `allowed`: of the entries that are due, those that come at least a period after the person's last one.
    Each decides about the next, hence the walk: a person's entries take turns, and those allowed are remembered. -#}
{% macro allowed_after_period(due, preceded, period) -%}
    too_near as (
            select
                preceded.enrollment_id,
                preceded.earlier_enrollment_id,
                preceded.earlier_at < {{ tick_start() }} as earlier_is_settled
            from {{ preceded }} as preceded
            inner join {{ due }} as due on preceded.enrollment_id = due.enrollment_id
            where due.reached_at < preceded.earlier_at + interval '{{ period }}'
        ),

        undecided as (
            select
                due.enrollment_id,
                due.contact_id,
                due.reached_at,
                coalesce(
                    list(too_near.earlier_enrollment_id) filter (too_near.earlier_enrollment_id is not null), []
                ) as too_near
            from {{ due }} as due
            left join too_near on due.enrollment_id = too_near.enrollment_id
            group by due.enrollment_id, due.contact_id, due.reached_at
            having not coalesce(bool_or(too_near.earlier_is_settled), false)
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
                    turn,
                    enrollment_id,
                    true as is_allowed,
                    [enrollment_id] as allowed_before
                from turns
                where turn = 1
                union all
                select
                    turns.contact_id,
                    turns.turn,
                    turns.enrollment_id,
                    not list_has_any(turns.too_near, steps.allowed_before) as is_allowed,
                    case
                        when list_has_any(turns.too_near, steps.allowed_before) then steps.allowed_before
                        else list_append(steps.allowed_before, turns.enrollment_id)
                    end as allowed_before
                from steps
                inner join turns on steps.contact_id = turns.contact_id and turns.turn = steps.turn + 1
            )

            select * from steps
        ),

        allowed as (
            select enrollment_id
            from walk
            where is_allowed
        )
{%- endmacro %}
