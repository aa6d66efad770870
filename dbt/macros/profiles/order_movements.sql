{#- What the contacts bought and what money went back, each with the period in which it counts: an order belongs to whom
    placed it, and counts for nothing once it is cancelled. One row per order, and per refund.
    `members` is the CTE of contact_profile_versions, `orders` the relation. -#}
{% macro order_movements(members, orders) -%}
    with histories as (
        select
            order_id,
            min_by(contact_id, effective_at) filter (where status = 'placed') as placed_by,
            min_by(total, effective_at) filter (where status = 'placed') as total,
            min_by(occurred_at, effective_at) filter (where status = 'placed') as placed_at,
            min(effective_at) filter (where status = 'placed') as placed_from,
            min(effective_at) filter (where status = 'cancelled') as cancelled_from,
            min_by(contact_id, effective_at) filter (where status = 'refunded') as refunded_to,
            min_by(coalesce(refunded, total), effective_at) filter (where status = 'refunded') as refunded,
            min(effective_at) filter (where status = 'refunded') as refunded_from
        from {{ orders }}
        where
            effective_at < {{ tick_end() }}
            and order_id in (
                select orders.order_id
                from {{ orders }} as orders
                inner join {{ members }} as members on orders.contact_id = members.member_id
            )
        group by order_id
    ),

    movements as (
        select
            placed_by as member_id,
            1 as orders_count,
            total as revenue,
            placed_at,
            placed_from as since,
            cancelled_from as until
        from histories
        where placed_from is not null

        union all

        select
            placed_by as member_id,
            0 as orders_count,
            -refunded as revenue,
            null as placed_at,
            greatest(placed_from, refunded_from) as since,
            cancelled_from as until
        from histories
        where placed_from is not null and refunded_from is not null

        union all

        -- money that went back for an order which is not known, or not yet
        select
            refunded_to as member_id,
            0 as orders_count,
            -refunded as revenue,
            null as placed_at,
            refunded_from as since,
            least(placed_from, cancelled_from) as until
        from histories
        where refunded_from is not null and (placed_from is null or placed_from > refunded_from)
    )

    select
        members.contact_id,
        movements.orders_count,
        movements.revenue,
        movements.placed_at,
        greatest(movements.since, members.member_since) as since,
        coalesce(movements.until, timestamp '9999-12-31') as until
    from movements
    inner join {{ members }} as members on movements.member_id = members.member_id
{%- endmacro %}
