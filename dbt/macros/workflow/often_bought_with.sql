{#- What goes well with what was bought, from everybody's orders: of a category, the products that those who bought the same bought
    along with it, and behind them what sold best. As of the midnight (UTC) before an enrollment arrives, so that people of a day
    share the counting and the size of ticks changes nothing; only products that could be had then, and that the contact has
    not bought in that time.

    wanted     relation of enrollment_id, contact_id, reached_at, product_id and category: a row for each product that was bought
               and category to choose from
    orders, lines, products  as ref()
    most       at most so many products
    within     so far back orders are looked at

    Gives enrollment_id and products: a list with place, product_id, title, price, currency, url and image, for the block `product`.

        select * from {{ often_bought_with('wanted', ref('orders'), ref('stg_order_lines'), ref('stg_products')) }}
-#}
{% macro often_bought_with(wanted, orders, lines, products, most=3, within='90 days') -%}
    {%- set oldest -%}
        cast(cast({{ tick_start() }} as date) as timestamp) - interval '{{ within }}'
    {%- endset -%}
    (
        with asked as (
            select distinct
                enrollment_id,
                contact_id,
                cast(cast(reached_at as date) as timestamp) as as_of,
                product_id,
                category
            from {{ wanted }}
        ),

        midnights_asked as (
            select distinct as_of from asked
        ),

        categories_asked as (
            select distinct
                as_of,
                category
            from asked
        ),

        sales as (
            select
                midnights_asked.as_of,
                lines.order_id,
                lines.product_id
            from {{ lines }} as lines
            inner join midnights_asked
                on
                    lines.effective_at < midnights_asked.as_of
                    and lines.effective_at >= midnights_asked.as_of - interval '{{ within }}'
            where
                lines.effective_at >= {{ oldest }}
                and lines.effective_at < {{ tick_end() }}
                and lines.quantity > 0
        ),

        known_products as (
            select
                midnights_asked.as_of,
                products.product_id,
                {{ last_by(
                    "struct_pack("
                    ~ "category := products.category, title := products.name, price := products.price, "
                    ~ "currency := products.currency, url := products.url, image := products.image_url, "
                    ~ "is_available := coalesce(products.is_available, true))",
                    '(products.effective_at, products.occurred_at)'
                ) }} as product
            from {{ products }} as products
            inner join midnights_asked on products.effective_at < midnights_asked.as_of
            group by midnights_asked.as_of, products.product_id
        ),

        catalogue as (
            select
                known_products.as_of,
                known_products.product_id,
                known_products.product,
                categories_asked.category
            from known_products
            inner join categories_asked
                on
                    known_products.as_of = categories_asked.as_of
                    and struct_extract(known_products.product, 'category') = categories_asked.category
            where struct_extract(known_products.product, 'is_available')
        ),

        best_sellers as (
            select
                catalogue.as_of,
                catalogue.category,
                catalogue.product_id,
                count(distinct sales.order_id) as orders
            from catalogue
            inner join sales on catalogue.as_of = sales.as_of and catalogue.product_id = sales.product_id
            group by catalogue.as_of, catalogue.category, catalogue.product_id
            -- some of them a contact may have already
            qualify row_number() over (
                partition by catalogue.as_of, catalogue.category order by orders desc, catalogue.product_id
            ) <= {{ 5 * most }}
        ),

        pairs_asked as (
            select distinct
                as_of,
                product_id,
                category
            from asked
        ),

        bought_together as (
            select
                pairs_asked.as_of,
                pairs_asked.product_id as bought_product_id,
                pairs_asked.category,
                beside.product_id,
                count(distinct beside.order_id) as orders
            from pairs_asked
            inner join sales as same on pairs_asked.as_of = same.as_of and pairs_asked.product_id = same.product_id
            inner join sales as beside on same.as_of = beside.as_of and same.order_id = beside.order_id
            inner join catalogue
                on
                    beside.as_of = catalogue.as_of
                    and beside.product_id = catalogue.product_id
                    and pairs_asked.category = catalogue.category
            where beside.product_id != pairs_asked.product_id
            group by pairs_asked.as_of, pairs_asked.product_id, pairs_asked.category, beside.product_id
        ),

        in_question as (
            select
                asked.enrollment_id,
                asked.contact_id,
                asked.as_of,
                bought_together.product_id,
                bought_together.orders as orders_together,
                0 as orders_alone
            from asked
            inner join bought_together
                on
                    asked.as_of = bought_together.as_of
                    and asked.product_id = bought_together.bought_product_id
                    and asked.category = bought_together.category

            union all

            select
                asked.enrollment_id,
                asked.contact_id,
                asked.as_of,
                best_sellers.product_id,
                0 as orders_together,
                best_sellers.orders as orders_alone
            from asked
            inner join best_sellers on asked.as_of = best_sellers.as_of and asked.category = best_sellers.category
        ),

        had_already as (
            select distinct
                asked.enrollment_id,
                sales.product_id
            from asked
            inner join {{ orders }} as orders on asked.contact_id = orders.contact_id
            inner join sales on asked.as_of = sales.as_of and orders.order_id = sales.order_id
            where
                orders.effective_at >= {{ oldest }}
                and orders.effective_at < {{ tick_end() }}
        ),

        ranked as (
            select
                in_question.enrollment_id,
                in_question.as_of,
                in_question.product_id,
                row_number() over (
                    partition by in_question.enrollment_id
                    order by
                        sum(in_question.orders_together) desc,
                        max(in_question.orders_alone) desc,
                        in_question.product_id
                ) as place
            from in_question
            left join had_already
                on
                    in_question.enrollment_id = had_already.enrollment_id
                    and in_question.product_id = had_already.product_id
            where had_already.enrollment_id is null
            group by in_question.enrollment_id, in_question.as_of, in_question.product_id
        )

        select
            ranked.enrollment_id,
            list(
                struct_pack(
                    place := ranked.place,
                    product_id := catalogue.product_id,
                    title := struct_extract(catalogue.product, 'title'),
                    price := struct_extract(catalogue.product, 'price'),
                    currency := struct_extract(catalogue.product, 'currency'),
                    url := struct_extract(catalogue.product, 'url'),
                    image := struct_extract(catalogue.product, 'image')
                ) order by ranked.place
            ) as products
        from ranked
        inner join catalogue on ranked.as_of = catalogue.as_of and ranked.product_id = catalogue.product_id
        where ranked.place <= {{ most }}
        group by ranked.enrollment_id
    )
{%- endmacro %}
