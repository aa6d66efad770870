{#- How long ago a touch may have become known that is on a path from which models of attribution learn: the order is as old as
    attribution_history, was placed latest_conversion before that, and the touch lies the attribution_window before it. -#}
{% macro attribution_reach() -%}
    (
        {{ stated_period('attribution_history') }}
        + {{ stated_period('latest_conversion') }}
        + {{ stated_period('attribution_window') }}
    )
{%- endmacro %}
