{#- Of what is known at each node, the rows that change its winner: no winner as great was known there before. -#}
{% macro first_winners(relation) -%}
    select node, winner, known_at
    from (
        select
            node,
            winner,
            known_at,
            min(winner) over (
                partition by node order by known_at, winner rows between unbounded preceding and 1 preceding
            ) as winner_before
        from {{ relation }}
    ) as in_order
    where winner_before is null or winner < winner_before
{%- endmacro %}
