{#- The first moment at or after a UTC timestamp at which the clocks in a zone show a time of day, on any day or on given
    weekdays (1 is Monday). Days are those of that zone. -#}
{% macro next_local_time(after, timezone, local_time, weekdays=none) -%}
    {%- set local_day = "date_trunc('day', " ~ to_local_time(after, timezone) ~ ")" -%}
    list_min(list_filter(
        [
            {%- for ahead in range(0, 9) %}
            case
                {%- if weekdays %}
                when isodow({{ local_day }} + interval '{{ ahead }} days') not in ({{ weekdays | join(', ') }}) then null
                {%- endif %}
                when true then {{ from_local_time(local_day ~ " + interval '" ~ ahead ~ " days' + interval '" ~ local_time ~ ":00'", timezone) }}
            end
            {{- ',' if not loop.last }}
            {%- endfor %}
        ],
        lambda moment: moment >= {{ after }}
    ))
{%- endmacro %}
