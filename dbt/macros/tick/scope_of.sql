{#- What must run window after window without a gap, as one: each workflow for itself, so that a broken one can catch up
    alone; everything that is known of contacts; the decisions; the marts. -#}
{% macro scope_of(node) %}
    {%- if node.fqn[1] == 'workflows' and node.fqn | length > 3 -%}
        {{ return(node.fqn[2]) }}
    {%- elif node.fqn[1] in ['staging', 'contacts', 'segments', 'eligibility'] -%}
        {{ return('contacts') }}
    {%- endif -%}
    {{ return(node.fqn[1]) }}
{% endmacro %}
