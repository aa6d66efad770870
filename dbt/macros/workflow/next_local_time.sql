{#- The first moment at or after a UTC timestamp at which the clocks in a zone show a time of day, on any day or on given
    weekdays (1 is Monday). Days are those of that zone. The time of day is written '10:00', or is an expression that gives an
    interval. -#}
{% macro next_local_time(after, timezone, local_time, weekdays=none) -%}
    {%- set local_day = "date_trunc('day', " ~ to_local_time(after, timezone) ~ ")" -%}
    {%- set that_day = local_day ~ " + to_days(ahead)" -%}
    {%- set clock = local_time if '(' in local_time else "interval '" ~ local_time ~ ":00'" -%}
    list_min(list_filter(
        list_transform(
            [{{ range(0, longest_local_wait(weekdays) + 1) | join(', ') }}],
            lambda ahead:
                {%- if weekdays %}
                case when isodow({{ that_day }}) in ({{ weekdays | join(', ') }}) then
                {%- endif %}
                {{ from_local_time(that_day ~ " + " ~ clock, timezone) }}
                {%- if weekdays %} end {%- endif %}
        ),
        lambda moment: moment >= {{ after }}
    ))
{%- endmacro %}
