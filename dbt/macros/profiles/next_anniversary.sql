{#- The next return of a date, on the day of a timestamp or after it. The 29 February returns on the 28th in other years. -#}
{% macro next_anniversary(date, moment) -%}
    {%- set years = "cast(year(" ~ moment ~ ") - year(" ~ date ~ ") as integer)" -%}
    case
        when cast({{ date }} + to_years({{ years }}) as date) >= cast({{ moment }} as date)
            then cast({{ date }} + to_years({{ years }}) as date)
        else cast({{ date }} + to_years({{ years }} + 1) as date)
    end
{%- endmacro %}
