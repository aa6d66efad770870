{#- Everyone who entered a workflow within its longest path, held out or not: those whose goals and exits still matter.
    contact_id is whoever the person is known as, and reached_at says since when the enrollment counts for that contact:
    after a merge, from the merge on.

        from {{ in_progress(ref('abandoned_cart__entered')) }} as entered
        join orders on orders.contact_id = entered.contact_id and orders.effective_at >= entered.reached_at
-#}
{% macro in_progress(entered) -%}
    (
        with recent as (
            select *
            from {{ entered }}
            where
                reached_at >= {{ tick_start() }} - interval '{{ registered_workflow(workflow_name(entered))["longest_path"] }}'
                and reached_at < {{ tick_end() }}
        ),

        stands_for as (
            {{ contacts_over_time('recent') }}
        )

        select
            recent.* replace (
                stands_for.contact_id as contact_id,
                greatest(recent.reached_at, stands_for.since) as reached_at
            )
        from recent
        inner join stands_for on recent.contact_id = stands_for.member_id
    )
{%- endmacro %}
