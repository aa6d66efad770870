-- Four weeks later: what goes with what they bought (seed category_complements)? The best customers are shown the best.
with due as (
    select arrivals.*
    from {{ arrivals(ref('cross_sell__entered'), wait='28 days', exits=ref('cross_sell__exited')) }}
),

bought as (
    select
        due.enrollment_id,
        due.reached_at,
        lines.product_id,
        sum(lines.quantity * lines.unit_price) as spent
    from due
    inner join {{ ref('stg_order_lines') }} as lines
        on
            due.order_id = lines.order_id
            and due.reached_at >= lines.effective_at
            and due.reached_at - interval '35 days' < lines.effective_at
    where
        lines.effective_at > {{ tick_start() }} - interval '35 days'
        and lines.effective_at < {{ tick_end() }}
    group by due.enrollment_id, due.reached_at, lines.product_id
    having sum(lines.quantity) > 0
),

with_category as (
    select
        bought.enrollment_id,
        bought.product_id,
        bought.spent,
        {{ last_by('products.category', '(products.effective_at, products.occurred_at)') }} as category
    from bought
    inner join {{ ref('stg_products') }} as products
        on bought.product_id = products.product_id and bought.reached_at >= products.effective_at
    group by bought.enrollment_id, bought.product_id, bought.spent
),

-- what goes with what they spent most on, unless they have it from the same order
fitting as (
    select
        bought.enrollment_id,
        {{ last_by('bought.category', '(bought.spent, bought.product_id)') }} as bought_category,
        {{ last_by('complements.goes_with', '(bought.spent, bought.product_id)') }} as goes_with
    from with_category as bought
    inner join {{ ref('category_complements') }} as complements on bought.category = complements.category
    left join with_category as also_bought
        on bought.enrollment_id = also_bought.enrollment_id and complements.goes_with = also_bought.category
    where also_bought.enrollment_id is null
    group by bought.enrollment_id
),

wanted as (
    select
        due.enrollment_id,
        due.contact_id,
        due.reached_at,
        bought.product_id,
        fitting.goes_with as category
    from due
    inner join fitting on due.enrollment_id = fitting.enrollment_id
    inner join bought on due.enrollment_id = bought.enrollment_id
),

chosen as (
    select * from {{ often_bought_with('wanted', ref('orders'), ref('stg_order_lines'), ref('stg_products')) }}
)

select
    due.*,
    fitting.bought_category,
    fitting.goes_with,
    chosen.products,
    {{ branch({'the best': 'is_vip', 'what goes with it': 'goes_with is not null'}, otherwise='nothing fits') }}
from due
left join fitting on due.enrollment_id = fitting.enrollment_id
left join chosen on due.enrollment_id = chosen.enrollment_id
