{#- A number in [0, 1) out of a salted hash: the same for the same person whatever the tick, the machine or the replay. -#}
{% macro salted_share(expressions) -%}
    ({{ stable_hash(expressions) }} % 1000000 / 1000000.0)
{%- endmacro %}
