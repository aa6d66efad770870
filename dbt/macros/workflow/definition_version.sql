{#- Fingerprint of a workflow's models as they stand: stored on every arrival, so that each can be told what rules it met. -#}
{% macro definition_version() -%}
    {%- set checksums = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name.startswith(workflow_name() ~ '__') -%}
            {%- do checksums.append(node.name ~ node.checksum.checksum) -%}
        {%- endfor -%}
    {%- endif -%}
    '{{ local_md5(checksums | sort | join)[:12] }}'
{%- endmacro %}
