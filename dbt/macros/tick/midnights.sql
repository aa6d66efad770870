{#- The midnights in the tick (UTC), as a column of that name: what is worked out once a day is worked out at each of them, from all
    that was known before it. -#}
{% macro midnights(name) -%}
    (
        select midnight as {{ name }}
        from {{ ref('midnights') }}
        where {{ in_tick('midnight') }}
    )
{%- endmacro %}
