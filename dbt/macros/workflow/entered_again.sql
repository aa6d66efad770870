{#- Exits of those who enter once more while they are still in the workflow: the new enrollment takes the place of the old one,
    whose waits end. For workflows with reentry='always', or again after a period that is shorter than the longest path.

        select * from {{ entered_again(ref('wishlist__entered')) }}
-#}
{% macro entered_again(entered) -%}
    (
        with new_entries as (
            select
                enrollment_id,
                contact_id,
                reached_at
            from {{ entered }}
            where {{ in_tick('reached_at') }}
        )

        select
            earlier.enrollment_id,
            min(later.reached_at) as exited_at,
            'entered again' as reason,
            cast(null as varchar) as conversion_id,
            cast(null as decimal(18, 2)) as revenue
        from {{ with_surviving_contacts('new_entries', 'new_entries.reached_at') }} as later
        inner join {{ in_progress(entered) }} as earlier
            on
                later.contact_id = earlier.contact_id
                and (earlier.reached_at, earlier.enrollment_id) < (later.reached_at, later.enrollment_id)
                and later.reached_at < earlier.stays_until
        group by earlier.enrollment_id
    ) as entered_again
{%- endmacro %}
