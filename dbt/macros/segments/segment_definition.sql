{#- Fingerprint of a segment's model as it stands; macros that it uses are not part of it. -#}
{% macro segment_definition(segment) -%}
    {#- a unit test renders a model without the others -#}
    {%- set nodes = (graph.nodes or {}).values() | selectattr('resource_type', 'equalto', 'model') -%}
    {%- set definitions = nodes | selectattr('name', 'equalto', segment) | map(attribute='checksum.checksum') | list -%}
    '{{ local_md5(definitions | join)[:12] }}'
{%- endmacro %}
