{#- What a registry says now and did not say in the last tick that noted anything of it, stamped with this one's start; `registered`
    is a CTE with the columns `key` and `value`, which the model has, too, beside changed_at. -#}
{% macro registry_changes(registered, key, value) -%}
    select
        {{ registered }}.{{ key }},
        {{ registered }}.{{ value }},
        {{ tick_start() }} as changed_at
    from {{ registered }}
    {%- if is_incremental() %}
    left join (
        select
            {{ key }},
            {{ last_by(value, 'changed_at') }} as {{ value }}
        from {{ this }}
        where changed_at < {{ tick_start() }}
        group by {{ key }}
    ) as last_known on {{ registered }}.{{ key }} = last_known.{{ key }}
    {%- endif %}
    where
        -- a build of empty tables has no window
        {{ tick_start() }} is not null
        {%- if is_incremental() %}
        and {{ registered }}.{{ value }} is distinct from last_known.{{ value }}
        {%- endif %}
{%- endmacro %}
