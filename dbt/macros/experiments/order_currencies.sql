{#- In which currency each order was placed: order_id and currency, a row each. -#}
{% macro order_currencies() -%}
    (
        select
            order_id,
            {{ first_by('currency', 'effective_at') }} as currency
        from {{ ref('orders') }}
        where status = 'placed'
        group by order_id
    )
{%- endmacro %}
