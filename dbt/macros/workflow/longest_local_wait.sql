{#- Days within which a local time of day comes up on one of the given weekdays (all, if none are given): the longest gap between
    two of them, and a day for clocks that are set back. -#}
{% macro longest_local_wait(weekdays=none) -%}
    {%- set days = (weekdays or range(1, 8)) | sort -%}
    {%- set gaps = [days[0] + 7 - days[-1]] -%}
    {%- for day in days[1:] -%}
        {%- do gaps.append(day - days[loop.index0]) -%}
    {%- endfor -%}
    {{ return(gaps | max + 1) }}
{%- endmacro %}
