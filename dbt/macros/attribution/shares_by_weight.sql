{#- The rows of a model of attribution: touches share the credit for their conversion by weight, alike where none has any. All shares
    of a conversion make exactly 1. `weighted` is a CTE with conversion_id, touch_id, touched_at, known_at and weight. -#}
{% macro shares_by_weight(weighted) -%}
    select
        conversion_id,
        touch_id,
        known_at,
        cast({{ apportioned('1', 'portion', ['conversion_id'], 'touched_at desc, touch_id desc', digits=8) }} as decimal(9, 8)) as share
    from (
        select
            *,
            coalesce(
                weight / nullif(sum(weight) over (partition by conversion_id), 0),
                1 / count(*) over (partition by conversion_id)
            ) as portion
        from {{ weighted }}
    ) as portions
{%- endmacro %}
