{#- The tick's rows of a staging model with the contact that each counted for when it took effect: contact_id, null where a
    row names nobody. `rows` and `identity_map` are relations, `types` those of the identifier types that the rows have,
    `only` a condition on the rows. -#}
{% macro with_contact(rows, identity_map, types=identifier_types(), only='true') -%}
    {%- set in_question -%}
        (select * from {{ rows }} as landed where {{ in_tick('landed.effective_at') }} and {{ only }})
    {%- endset -%}
    (
        with anchored as (
            select *
            from {{ with_anchor(in_question, types) }} as arrived
        ),

        periods as (
            select
                identifier_id,
                contact_id,
                valid_from,
                lead(valid_from, 1, timestamp '9999-12-31') over (partition by identifier_id order by valid_from) as valid_until
            from {{ identity_map }} as versions
            where
                valid_from < {{ tick_end() }}
                and identifier_id in (select anchor_id from anchored)
        )

        select
            anchored.*,
            periods.contact_id
        from anchored
        left join periods
            on
                anchored.anchor_id = periods.identifier_id
                and anchored.effective_at >= periods.valid_from
                and anchored.effective_at < periods.valid_until
    )
{%- endmacro %}
