{{ config(materialized='view') }}

-- Which message is given how much credit for which order, by each model of attribution that vars.attribution_models lists.
-- A model of attribution is a file beside this one, with conversion_id, action_id and share.
with credits as (
    {%- for attribution_model in var('attribution_models') %}
    select
        '{{ attribution_model }}' as attribution_model,
        conversion_id,
        action_id,
        share
    from {{ ref(attribution_model) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
)

select
    credits.attribution_model,
    touchpoints.conversion_id,
    touchpoints.action_id,
    touchpoints.contact_id,
    touchpoints.enrollment_id,
    touchpoints.workflow,
    touchpoints.step,
    touchpoints.variant,
    touchpoints.channel,
    touchpoints.topic,
    touchpoints.touched_at,
    touchpoints.converted_at,
    touchpoints.known_at,
    cast(credits.share as double) as share,
    cast(touchpoints.revenue as decimal(18, 2)) as revenue,
    cast(touchpoints.revenue * credits.share as decimal(18, 2)) as attributed_revenue,
    touchpoints.currency
from credits
inner join {{ ref('conversion_touchpoints') }} as touchpoints
    on credits.conversion_id = touchpoints.conversion_id and credits.action_id = touchpoints.action_id
