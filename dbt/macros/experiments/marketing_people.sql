{#- Everybody whose draw for the global holdout was logged, by the contact that each one is by now: contact_id, assignment, is_mixed where
    ids before a merge were drawn both ways, holdout_share, that of the contact's own draw, and assigned_at, which is the first decision:
    before it there was no marketing. -#}
{% macro marketing_people() -%}
    (
        select
            known.contact_id,
            min(drawn.assignment) as assignment,
            min(drawn.assignment) <> max(drawn.assignment) as is_mixed,
            coalesce(max(drawn.holdout_share) filter (drawn.contact_id = known.contact_id), max(drawn.holdout_share)) as holdout_share,
            (select min(decisions.tick_end) from {{ ref('decisions') }} as decisions) as assigned_at
        from {{ ref('global_assignments') }} as drawn
        left join {{ surviving_contacts() }} as surviving on drawn.contact_id = surviving.contact_id
        inner join {{ ref('contact_profiles') }} as known on coalesce(surviving.into_contact_id, drawn.contact_id) = known.contact_id
        group by known.contact_id
    )
{%- endmacro %}
