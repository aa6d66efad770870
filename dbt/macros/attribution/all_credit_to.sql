{#- A model of attribution by which one touch has all the credit of an order: the one that is first by an order of columns.

        {{ all_credit_to('touched_at, touch_id') }}
-#}
{% macro all_credit_to(first_by) -%}
    select
        conversion_id,
        touch_id,
        known_at,
        cast(1 as decimal(9, 8)) as share
    from {{ ref('conversion_touchpoints') }}
    where {{ in_tick('known_at') }}
    qualify row_number() over (partition by conversion_id order by {{ first_by }}) = 1
{%- endmacro %}
