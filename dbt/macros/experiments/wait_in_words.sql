{#- How many more people and days it takes to `what` (count or call) by `awaited`, in words. -#}
{% macro wait_in_words(what, by_people) -%}
    {%- set days = "case days_to_" ~ what ~ " when 1 then 'a day' else concat(" ~ in_round_numbers("days_to_" ~ what) ~ ", ' days') end" -%}
    {%- if by_people -%}
    concat({{ in_round_numbers("people_to_" ~ what) }}, ' more people (', {{ days }}, ' at this pace)')
    {%- else -%}
    concat({{ days }}, ' more at this pace')
    {%- endif -%}
{%- endmacro %}
