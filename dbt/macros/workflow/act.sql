{#- The column `action`: what a step wants done for each of its arrivals. The gate decides; nothing is done here.
    The named actions (send, set_property, add_tag …) are thin covers of this one. -#}
{% macro act(kind, channels, topic, when='true', if_held='skip', expires='24 hours', template=none, variant='null', details='null') -%}
    {%- if if_held not in ['skip', 'defer', 'next channel'] -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": if_held cannot be '" ~ if_held ~ "'. Say skip, defer or next channel."
        ) -%}
    {%- endif -%}
    case when {{ when }} then struct_pack(
        kind := '{{ kind }}',
        channels := ['{{ channels | join("', '") }}'],
        topic := '{{ topic }}',
        template := {{ "'" ~ template ~ "'" if template else 'cast(null as varchar)' }},
        variant := cast({{ variant }} as varchar),
        if_held := '{{ if_held }}',
        expires_at := arrivals.reached_at + interval '{{ expires }}',
        details := cast({{ details }} as varchar)
    ) end as action
{%- endmacro %}
