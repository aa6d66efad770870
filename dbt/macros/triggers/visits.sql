{#- What counts as a look at the shop: what silence_after and arrivals_after_event ask for.

        with visits as (select * from {{ visits() }})
-#}
{% macro visits() -%}
    (
        select
            contact_id,
            occurred_at,
            effective_at
        from {{ ref('events') }}
        where event in ('Product Viewed', 'Product List Viewed', 'Product Added')
    )
{%- endmacro %}
