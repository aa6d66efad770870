{#- What a parameter of a URL's query says, or null. `name` may be a choice, as in `gclid|fbclid`. -#}
{% macro query_parameter(url, name) -%}
    nullif(url_decode(replace(regexp_extract({{ url }}, '[?&](?:{{ name }})=([^&#]*)', 1), '+', ' ')), '')
{%- endmacro %}
