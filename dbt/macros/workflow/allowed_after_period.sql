{#- CTEs that end in `allowed`: of the entries that are due, those that come at least a period after the person's last one.
    Each decides about the next, hence the walk: first those with no entry too near before, then on from each of them. -#}
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

        chain as (
            select
                enrollment_id,
                reached_at,
                row_number() over (partition by contact_id order by reached_at, enrollment_id) as place,
                contact_id
            from {{ due }}
            where enrollment_id not in (select enrollment_id from too_near where earlier_is_settled)
        ),

        walk as (
            with recursive steps as (
                select
                    contact_id,
                    enrollment_id,
                    place,
                    true as is_allowed,
                    reached_at as last_allowed_at
                from chain
                where place = 1
                union all
                select
                    chain.contact_id,
                    chain.enrollment_id,
                    chain.place,
                    chain.reached_at >= steps.last_allowed_at + interval '{{ period }}' as is_allowed,
                    case
                        when chain.reached_at >= steps.last_allowed_at + interval '{{ period }}' then chain.reached_at
                        else steps.last_allowed_at
                    end as last_allowed_at
                from steps
                inner join chain on steps.contact_id = chain.contact_id and chain.place = steps.place + 1
            )

            select * from steps
        ),

        allowed as (
            select enrollment_id
            from walk
            where is_allowed
        )
{%- endmacro %}
