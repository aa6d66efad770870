{#- Fingerprint of a workflow's models as they stand: stored on every arrival, so that each can be told what rules it met. -#}
{% macro definition_version() -%}
    {%- set checksums = [] -%}
    {#- a unit test renders a model without the others -#}
    {%- for node in (graph.nodes or {}).values() if node.resource_type == 'model' and node.name.startswith(workflow_name() ~ '__') -%}
        {%- do checksums.append(node.name ~ node.checksum.checksum) -%}
    {%- endfor -%}
    '{{ local_md5(checksums | sort | join)[:12] }}'
{%- endmacro %}
