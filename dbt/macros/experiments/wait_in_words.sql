{#- How many more people it takes and how long, in words, where there have to be so many times as many; without `people` how long. -#}
{% macro wait_in_words(people, days, times) -%}
    {%- set more_days = more_of(days, times) -%}
    {%- set days_told = "case when " ~ more_days ~ " = 1 then 'a day' else concat(" ~ in_round_numbers(more_days) ~ ", ' days') end" -%}
    {%- if people -%}
    concat({{ in_round_numbers(more_of(people, times)) }}, ' more people (', {{ days_told }}, ' at this pace)')
    {%- else -%}
    concat({{ days_told }}, ' more at this pace')
    {%- endif -%}
{%- endmacro %}
