{#- A trigger: something becomes true of a contact's profile: a score passes its threshold, a first order is placed. It fires
    when it becomes true, not while it stays so; what is unknown is not true.

    condition  SQL over the columns of contact_profiles
    name       what to call it, as the entry key

        with worthy as (select * from {{ became_true("revenue >= 1000", 'spent a thousand') }})
        select * from {{ entries('worthy', reentry='once') }}
-#}
{% macro became_true(condition, name) -%}
    (
        select
            contact_id,
            '{{ name }}' as entry_key,
            changed_at as reached_at,
            changed_at as occurred_at
        from {{ profile_changes('coalesce(' ~ condition ~ ', false)') }} as changes
        where value and not coalesce(value_before, false)
    )
{%- endmacro %}
