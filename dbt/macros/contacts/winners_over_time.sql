{#- Connected components over time. `nodes` names a CTE of contact_id and born_at, `links` one of left_id, right_id and
    linked_at, each pair once. In a component, the contact that was born first (then: the lesser id) stands for all.
    Gives contact_id, winner_id, winner_born_at and valid_from: a contact stands for itself from its birth, and each row
    after that is a change, at the very moment of the link that brought it.

    Two steps keep it quick on a history of any width. First, each contact settles at the neighbour that it was linked with
    first: from then on the two are never apart, so that its other links can as well be that neighbour's. Few are then left
    to be joined by other links, and only among these do the contacts' ids spread from neighbour to neighbour, each with the
    moment from which it is known there, and no further than where an older contact was known as early. -#}
{% macro winners_over_time(nodes, links) -%}
    {{ return(adapter.dispatch('winners_over_time', 'hourbell')(nodes, links)) }}
{%- endmacro %}

{% macro default__winners_over_time(nodes, links) -%}
    (
        with recursive ranked as (
            select
                contact_id,
                born_at,
                row_number() over (order by born_at, contact_id) as seniority
            from {{ nodes }}
        ),

        edges as (
            select
                lefts.seniority as node,
                rights.seniority as neighbour,
                links.linked_at
            from {{ links }} as links
            inner join ranked as lefts on links.left_id = lefts.contact_id
            inner join ranked as rights on links.right_id = rights.contact_id
        ),

        edges_both_ways as (
            select node, neighbour, linked_at from edges
            union all
            select neighbour as node, node as neighbour, linked_at from edges
        ),

        first_linked as (
            select
                node,
                min_by(neighbour, (linked_at, neighbour)) as neighbour,
                min(linked_at) as linked_at
            from edges_both_ways
            group by node
        ),

        -- two that were each other's first: the senior one stays
        hosts as (
            select
                guests.node,
                case
                    when neighbours.neighbour = guests.node and guests.node < neighbours.node then guests.node
                    else guests.neighbour
                end as host,
                guests.linked_at
            from first_linked as guests
            inner join first_linked as neighbours on guests.neighbour = neighbours.node
        ),

        walk as (
            select node, host from hosts
            union all
            select walk.node, hosts.host
            from walk
            inner join hosts on walk.host = hosts.node
            where hosts.host <> hosts.node
        ),

        -- along the way to the last host links get older: whoever has settled at the first has settled at the last
        settled as (
            select
                walk.node,
                walk.host,
                case when walk.node <> walk.host then hosts.linked_at end as settled_at
            from walk
            inner join hosts as last_hosts on walk.host = last_hosts.node and last_hosts.host = last_hosts.node
            inner join hosts on walk.node = hosts.node
        ),

        bridges as (
            select
                lefts.host as node,
                rights.host as neighbour,
                min(edges_both_ways.linked_at) as linked_at
            from edges_both_ways
            -- everybody has settled; outer joins keep a planner from trying all pairs of hosts first
            left join settled as lefts on edges_both_ways.node = lefts.node
            left join settled as rights on edges_both_ways.neighbour = rights.node
            where lefts.host is distinct from rights.host
            group by lefts.host, rights.host
        ),

        guests_known as (
            select
                settled.host as node,
                settled.node as winner,
                coalesce(settled.settled_at, ranked.born_at) as known_at
            from settled
            inner join ranked on settled.node = ranked.seniority
        ),

        known_at_host as ({{ first_winners('guests_known') }}),

        spread (node, winner, known_at) using key (node, winner) as (
            select node, winner, known_at
            from known_at_host
            where node in (select node from bridges)
            union
            select heard.node, heard.winner, heard.known_at
            from (
                select
                    bridges.neighbour as node,
                    spread.winner,
                    min(greatest(spread.known_at, bridges.linked_at)) as known_at
                from spread
                inner join bridges on spread.node = bridges.node
                group by bridges.neighbour, spread.winner
            ) as heard
            where not exists (
                select 1
                from recurring.spread as known
                where
                    known.node = heard.node
                    and known.winner <= heard.winner
                    and known.known_at <= heard.known_at
            )
        ),

        known_at_bridged_host as ({{ first_winners('spread') }}),

        known_at_all_hosts as (
            select node, winner, known_at from known_at_bridged_host
            union all
            select node, winner, known_at
            from known_at_host
            where node not in (select node from bridges)
        ),

        heard_of as (
            select
                seniority as node,
                seniority as winner,
                born_at as known_at
            from ranked
            union all
            select
                settled.node,
                known_at_all_hosts.winner,
                greatest(known_at_all_hosts.known_at, settled.settled_at) as known_at
            from settled
            inner join known_at_all_hosts on settled.host = known_at_all_hosts.node
            where known_at_all_hosts.winner < settled.node
        ),

        changes as ({{ first_winners('heard_of') }})

        select
            nodes.contact_id,
            winners.contact_id as winner_id,
            winners.born_at as winner_born_at,
            changes.known_at as valid_from
        from changes
        inner join ranked as nodes on changes.node = nodes.seniority
        inner join ranked as winners on changes.winner = winners.seniority
    )
{%- endmacro %}
