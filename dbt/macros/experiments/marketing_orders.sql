{#- What contacts spent since the first decision, by the contact that each one is by now: an order a row, less what was given back of
    it; not those of which nothing was kept. -#}
{% macro marketing_orders() -%}
    (
        select
            coalesce(surviving.into_contact_id, conversions.contact_id) as contact_id,
            conversions.currency,
            conversions.converted_at,
            cast(conversions.revenue as double) - coalesce(cast(given_back.amount as double), 0) as revenue
        from {{ ref('conversions') }} as conversions
        cross join (select min(tick_end) as first_decision from {{ ref('decisions') }}) as begun
        left join {{ surviving_contacts() }} as surviving on conversions.contact_id = surviving.contact_id
        left join {{ ref('given_back') }} as given_back on conversions.conversion_id = given_back.conversion_id
        where
            begun.first_decision <= conversions.converted_at
            and conversions.contact_id is not null
            and (given_back.amount is null or given_back.amount < conversions.revenue)
    )
{%- endmacro %}
