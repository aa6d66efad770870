{#- Of what kind a touch is where its state is too rare to be told apart: the first column that vars.attribution_state lists. -#}
{% macro attribution_group() -%}
    coalesce({{ attribution_state_columns()[0] }}, 'none')
{%- endmacro %}
