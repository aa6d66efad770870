{#- Sends people down one of several ways by chance, but the same person always the same way: a salted hash of the contact.
    `ways` maps each way to its weight; `salt` names the split.

        select arrivals.*, {{ split({'short subject': 1, 'long subject': 1}, salt='welcome subject') }} as variant
-#}
{% macro split(ways, salt, contact='contact_id') -%}
    {%- set total = ways.values() | sum -%}
    {%- set bound = namespace(value=0) -%}
    case
        {%- for way, weight in ways.items() %}
        {%- set bound.value = bound.value + weight / total %}
        {%- if loop.last %}
        else '{{ way }}'
        {%- else %}
        when {{ salted_share(["'" ~ salt ~ "'", contact]) }} < {{ bound.value }} then '{{ way }}'
        {%- endif %}
        {%- endfor %}
    end
{%- endmacro %}
