{#- Whether a gate ends a candidate, rather than sending it on to its next channel. -#}
{% macro gate_is_final(gate, if_held) -%}
    (
        {{ gate }} in ('global holdout', 'erased', 'exited', 'expired', 'workflow broken')
        or ({{ gate }} in ('suppressed', 'quiet hours', 'frequency cap') and {{ if_held }} <> 'next channel')
    )
{%- endmacro %}
