{{ config(materialized='view') }}

-- What each model of attribution gives to what, month by month: the models beside each other.
select
    cast(date_trunc('month', converted_at) as date) as month,
    attribution_model,
    is_counted_by,
    kind,
    workflow,
    step,
    variant,
    channel,
    source,
    campaign,
    currency,
    cast(sum(attributed_conversions) as decimal(18, 8)) as conversions,
    cast(sum(attributed_gross_revenue) as decimal(18, 2)) as gross_revenue,
    cast(sum(attributed_given_back) as decimal(18, 2)) as given_back,
    cast(sum(attributed_revenue) as decimal(18, 2)) as revenue
from {{ ref('attributed_conversions') }}
group by all
