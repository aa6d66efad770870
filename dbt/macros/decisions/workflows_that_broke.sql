{#- Workflows that broke in this tick: what they wrote before they broke is not acted on. They catch up in a later tick. -#}
{% macro workflows_that_broke() -%}
    select scope
    from {{ source('engine', 'windows') }}
    where tick_end = {{ tick_end() }} and not succeeded
{%- endmacro %}
