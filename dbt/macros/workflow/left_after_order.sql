{#- Exits of a workflow that people enter with an order (column order_id): another order is the goal, and who cancels this one,
    or gets all of it paid back, leaves.

        select * from {{ left_after_order(ref('post_purchase__entered'), ref('orders')) }}
-#}
{% macro left_after_order(entered, orders) -%}
    (
        with order_changes as (
            select
                contact_id,
                order_id,
                status,
                total,
                coalesce(refunded, total) >= total as is_refunded_whole,
                occurred_at,
                effective_at
            from {{ orders }}
            where {{ in_tick('effective_at') }}
        )

        select distinct
            entered.enrollment_id,
            order_changes.effective_at as exited_at,
            case order_changes.status when 'placed' then 'converted' else 'order cancelled' end as reason,
            case order_changes.status when 'placed' then order_changes.order_id end as conversion_id,
            case order_changes.status when 'placed' then order_changes.total end as revenue
        from {{ in_progress(entered) }} as entered
        inner join order_changes
            on
                entered.contact_id = order_changes.contact_id
                and entered.reached_at <= order_changes.effective_at
                and entered.stays_until > order_changes.effective_at
        where
            (
                order_changes.status = 'placed'
                -- orders that become known at once follow each other in the order in which they were made
                and (order_changes.effective_at, order_changes.occurred_at, order_changes.order_id)
                > (entered.reached_at, entered.occurred_at, entered.order_id)
            )
            or (
                order_changes.order_id = entered.order_id
                and (order_changes.status = 'cancelled' or (order_changes.status = 'refunded' and order_changes.is_refunded_whole))
            )
    )
{%- endmacro %}
