{#- What a touch is taken for by the models that learn from paths: the columns that vars.attribution_state lists, as one text. -#}
{% macro attribution_state() -%}
    concat_ws(' / ', {{ attribution_state_columns() | join(', ') }})
{%- endmacro %}
