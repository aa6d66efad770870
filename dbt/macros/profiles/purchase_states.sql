{#- What contacts have bought. An order belongs to whom placed it; it counts for nothing once it is cancelled, and what was
    refunded is taken off. One row per contact and time at which that changed, valid from `since` until `until`.
    `members` is a CTE as in trait_states, `orders` a relation. -#}
{% macro purchase_states(members, orders) -%}
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
    ),

    of_contacts as (
        select
            members.contact_id,
            movements.orders_count,
            movements.revenue,
            movements.placed_at,
            greatest(movements.since, members.member_since) as since,
            movements.until
        from movements
        inner join {{ members }} as members on movements.member_id = members.member_id
    ),

    changes as (
        select
            contact_id,
            since
        from of_contacts

        union

        select
            contact_id,
            until as since
        from of_contacts
        where until > since
    )

    select
        changes.contact_id,
        changes.since,
        lead(changes.since, 1, timestamp '9999-12-31') over (partition by changes.contact_id order by changes.since) as until,
        cast(coalesce(sum(of_contacts.orders_count), 0) as bigint) as orders_count,
        cast(coalesce(sum(of_contacts.revenue), 0) as decimal(18, 2)) as revenue,
        min(of_contacts.placed_at) as first_order_at,
        max(of_contacts.placed_at) as last_order_at
    from changes
    left join of_contacts
        on
            changes.contact_id = of_contacts.contact_id
            and changes.since >= of_contacts.since
            and changes.since < coalesce(of_contacts.until, timestamp '9999-12-31')
    group by changes.contact_id, changes.since
{%- endmacro %}
