{#- The column `branch`: exclusive ways out of a step, tried in the written order; `otherwise` is for everyone else, so that
    nobody is lost between them.

        select arrivals.*, {{ branch({'high value': 'cart_value >= 100'}, otherwise='low value') }}
-#}
{% macro branch(ways, otherwise) -%}
    case
        {%- for way, condition in ways.items() %}
        when {{ condition }} then '{{ way }}'
        {%- endfor %}
        else '{{ otherwise }}'
    end as branch
{%- endmacro %}
