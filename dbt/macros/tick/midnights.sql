{#- The midnights in the tick (UTC), as a column of that name: what is worked out once a day is worked out at each of them, from all
    that was known before it. A tick without one has nothing to do. -#}
{% macro midnights(name) -%}
    (
        select unnest(generate_series(
            date_trunc('day', {{ tick_start() }} + interval '1 day' - interval '1 microsecond'),
            {{ tick_end() }} - interval '1 microsecond',
            interval '1 day'
        )) as {{ name }}
    )
{%- endmacro %}
