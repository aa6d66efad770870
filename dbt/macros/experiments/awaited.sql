{#- The CTE `awaited`: lifts, and what it would take to know more. A difference that stays as it is would be called after so many more
    people (people_to_call) and days, and anything at all after people_to_count, where people come as quickly as those did since
    `drawn_since`. Of what takes a thousand times as much as is known it is not told.

    lifts   a CTE with times_to_count, times_to_call and drawn_since
    people  how many there are by now -#}
{% macro awaited(lifts, people) -%}
{%- set so_far = {'people': people, 'days': "epoch(" ~ last_tick_end() ~ " - drawn_since) / 86400.0"} -%}
awaited as (
    select
        *,
        {%- for unit, number in so_far.items() %}
        {%- for what in ['count', 'call'] %}
        case when times_to_{{ what }} < 1000
            then greatest(cast(ceil(({{ number }}) * (times_to_{{ what }} - 1)) as bigint), 1)
        end as {{ unit }}_to_{{ what }}{{ ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ lifts }}
)
{%- endmacro %}
