{#- Orders as they stood at each row's `as_of` of a relation: with what is left of them, and who placed them under the contact that this
    is by then, and the month of that contact's first one (cohort_month). Cancelled and wholly refunded ones are none. Orders of
    nobody are left out. -#}
{% macro kept_orders(moments) -%}
    (
        with stated as (
            select
                moments.as_of,
                orders.order_id,
                {{ first_by('orders.contact_id', 'orders.effective_at') }} filter (where orders.status = 'placed') as contact_id,
                {{ first_by('orders.total', 'orders.effective_at') }} filter (where orders.status = 'placed') as total,
                {{ first_by('orders.currency', 'orders.effective_at') }} filter (where orders.status = 'placed') as currency,
                min(orders.occurred_at) filter (where orders.status = 'placed') as placed_at,
                max(case orders.status
                    when 'cancelled' then orders.total
                    when 'refunded' then coalesce(orders.refunded, orders.total)
                end) as given_back
            from {{ ref('orders') }} as orders
            inner join {{ moments }} as moments on orders.effective_at < moments.as_of
            where orders.effective_at < {{ tick_end() }}
            group by moments.as_of, orders.order_id
        ),

        kept as (
            select
                as_of,
                order_id,
                contact_id,
                placed_at,
                currency,
                coalesce(total, 0) - coalesce(given_back, 0) as revenue
            from stated
            where placed_at is not null and contact_id is not null and (given_back is null or given_back < total)
        )

        select
            *,
            date_trunc('month', min(placed_at) over (partition by as_of, contact_id)) as cohort_month
        from {{ with_surviving_contacts('kept', 'kept.as_of - interval 1 microsecond') }} as followed
    )
{%- endmacro %}
