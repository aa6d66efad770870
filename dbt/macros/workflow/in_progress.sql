{#- Everyone who entered a workflow within its longest path, held out or not: those whose goals and exits still matter.
    contact_id is whoever the person is known as, and reached_at says since when the enrollment counts for that contact:
    after a merge, from the merge on. stays_until is where the longest path ends, and with it the enrollment.

        from {{ in_progress(ref('abandoned_cart__entered')) }} as entered
        inner join {{ ref('orders') }} as orders
            on
                entered.contact_id = orders.contact_id
                and entered.reached_at <= orders.effective_at
                and entered.stays_until > orders.effective_at
-#}
{% macro in_progress(entered) -%}
    {%- set longest_path = registered_workflow(workflow_name())['longest_path'] -%}
    (
        with recent as (
            select *
            from {{ entered }}
            where
                reached_at >= {{ tick_start() }} - interval '{{ longest_path }}'
                and reached_at < {{ tick_end() }}
        ),

        stands_for as (
            {{ contacts_over_time('recent') }}
        )

        select
            recent.* replace (
                stands_for.contact_id as contact_id,
                greatest(recent.reached_at, stands_for.since) as reached_at
            ),
            -- asked of each row, because the tick's own look back is longer in a longer tick
            recent.reached_at + interval '{{ longest_path }}' as stays_until
        from recent
        inner join stands_for on recent.contact_id = stands_for.member_id
    )
{%- endmacro %}
