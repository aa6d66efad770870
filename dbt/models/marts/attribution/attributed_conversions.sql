{{ config(materialized='view') }}

-- Which touch is given how much credit for which order, by each model of attribution that vars.attribution_models lists.
-- A model of attribution is a file beside this one, with conversion_id, touch_id and share.
with credits as (
    {%- for attribution_model in attribution_models() %}
    select
        '{{ attribution_model }}' as attribution_model,
        {{ 'true' if loop.first else 'false' }} as is_counted_by,
        conversion_id,
        touch_id,
        share
    from {{ ref(attribution_model) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- what was cancelled or wholly given back since is no conversion any more
kept as (
    select
        touchpoints.*,
        coalesce(touchpoints.revenue, 0) as gross_revenue,
        coalesce(touchpoints.revenue, 0) - least(coalesce(given_back.amount, 0), coalesce(touchpoints.revenue, 0)) as net_revenue,
        given_back.amount is null or given_back.amount < touchpoints.revenue as is_kept
    from {{ ref('conversion_touchpoints') }} as touchpoints
    left join {{ ref('given_back') }} as given_back on touchpoints.conversion_id = given_back.conversion_id
),

apportioned as (
    select
        kept.*,
        credits.attribution_model,
        credits.is_counted_by,
        credits.share,
        {{ apportioned(
            'kept.gross_revenue', 'credits.share', ['credits.attribution_model', 'credits.conversion_id'], 'credits.touch_id'
        ) }} as attributed_gross_revenue,
        {{ apportioned(
            'kept.net_revenue', 'credits.share', ['credits.attribution_model', 'credits.conversion_id'], 'credits.touch_id'
        ) }} as attributed_revenue
    from credits
    inner join kept on credits.conversion_id = kept.conversion_id and credits.touch_id = kept.touch_id
)

select
    attribution_model,
    is_counted_by,
    conversion_id,
    touch_id,
    kind,
    action_id,
    contact_id,
    enrollment_id,
    workflow,
    step,
    variant,
    channel,
    source,
    campaign,
    topic,
    touched_at,
    converted_at,
    known_at,
    share,
    cast(case when is_kept then share else 0 end as decimal(9, 8)) as attributed_conversions,
    cast(gross_revenue as decimal(18, 2)) as gross_revenue,
    cast(net_revenue as decimal(18, 2)) as revenue,
    attributed_gross_revenue,
    cast(attributed_gross_revenue - attributed_revenue as decimal(18, 2)) as attributed_given_back,
    attributed_revenue,
    currency
from apportioned
