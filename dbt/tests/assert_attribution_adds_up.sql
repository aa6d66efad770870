-- By every model of attribution the credits of all touches are the orders that were kept and what is left of their revenue: none
-- is lost, none counts twice, and not a cent is rounded away.
with owed as (
    select
        conversions.conversion_id,
        cast(case when given_back.amount >= conversions.revenue then 0 else 1 end as decimal(18, 8)) as conversions,
        coalesce(conversions.revenue, 0) as gross_revenue,
        greatest(coalesce(conversions.revenue, 0) - coalesce(given_back.amount, 0), 0) as revenue
    from {{ ref('conversions') }} as conversions
    left join {{ ref('given_back') }} as given_back on conversions.conversion_id = given_back.conversion_id
),

models as (
    select unnest(['{{ var("attribution_models") | join("', '") }}']) as attribution_model
),

owed_by_each as (
    select
        models.attribution_model,
        owed.*
    from owed
    cross join models
),

credited as (
    select
        attribution_model,
        conversion_id,
        sum(attributed_conversions) as conversions,
        sum(attributed_gross_revenue) as gross_revenue,
        sum(attributed_revenue) as revenue
    from {{ ref('attributed_conversions') }}
    group by attribution_model, conversion_id
)

select
    coalesce(owed.attribution_model, credited.attribution_model) as attribution_model,
    coalesce(owed.conversion_id, credited.conversion_id) as conversion_id
from owed_by_each as owed
full outer join credited
    on owed.attribution_model = credited.attribution_model and owed.conversion_id = credited.conversion_id
where
    owed.conversions is distinct from credited.conversions
    or owed.gross_revenue is distinct from credited.gross_revenue
    or owed.revenue is distinct from credited.revenue
