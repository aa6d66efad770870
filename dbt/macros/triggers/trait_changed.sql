{#- A trigger: a column of a contact's profile changes, to anything or to one value. The first profile of a contact is no change.

    trait  a column of contact_profiles
    to     only when it becomes this, as SQL: "'DE'"

        with moved as (select * from {{ trait_changed('country') }})
        select * from {{ entries('moved', reentry='always') }}
-#}
{% macro trait_changed(trait, to=none) -%}
    {%- if trait not in profile_content() -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": a profile has no " ~ trait ~ ". Known: " ~ profile_content() | join(', ') ~ "."
        ) -%}
    {%- endif -%}
    (
        select
            contact_id,
            '{{ trait }}' as entry_key,
            changed_at as reached_at,
            changed_at as occurred_at
        from {{ profile_changes(trait) }} as changes
        where
            not is_new
            and value is distinct from value_before
            {%- if to is not none %}
            and value = {{ to }}
            {%- endif %}
    )
{%- endmacro %}
