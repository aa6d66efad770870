{#- Exits of those who order while they are in the workflow, which is its goal.

        select * from {{ converted_by_order(ref('abandoned_cart__entered'), ref('orders')) }}
-#}
{% macro converted_by_order(entered, orders) -%}
    (
        select
            entered.enrollment_id,
            orders.effective_at as exited_at,
            'converted' as reason,
            orders.order_id as conversion_id,
            orders.total as revenue
        from {{ in_progress(entered) }} as entered
        inner join {{ orders }} as orders
            on
                entered.contact_id = orders.contact_id
                and entered.reached_at <= orders.effective_at
                and entered.stays_until > orders.effective_at
        where
            {{ in_tick('orders.effective_at') }}
            and orders.status = 'placed'
    ) as converted
{%- endmacro %}
