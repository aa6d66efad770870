{#- Fingerprint of a workflow's models as they stand: stored on every arrival, so that each can be told what rules it met. -#}
{% macro definition_version(workflow=none) -%}
    {%- set prefix = (workflow or workflow_name()) ~ '__' -%}
    {%- set checksums = [] -%}
    {#- a unit test renders a model without the others -#}
    {%- for node in (graph.nodes or {}).values() if node.resource_type == 'model' and node.name.startswith(prefix) -%}
        {%- do checksums.append(node.name ~ node.checksum.checksum) -%}
    {%- endfor -%}
    '{{ local_md5(checksums | sort | join)[:12] }}'
{%- endmacro %}
