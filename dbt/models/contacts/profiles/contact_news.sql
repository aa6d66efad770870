{{ config(materialized='table') }}

{%- set facts = {
    'details': (ref('contact_details'), 'contact_id', 'effective_at'),
    'consents': (ref('consent_statements'), 'contact_id', 'effective_at'),
    'activity': (ref('contact_activity_days'), 'contact_id', 'effective_at'),
    'signals': (ref('contact_signals'), 'contact_id', 'effective_at'),
    'absorbed': (ref('contact_merges'), 'contact_id', 'merged_at'),
    'merged': (ref('contact_merges'), 'into_contact_id', 'merged_at'),
} %}

-- Of whom this tick learnt something that may change the profile, and when.
with orders_in_tick as (
    select
        order_id,
        effective_at
    from {{ ref('orders') }}
    where {{ in_tick('effective_at') }}
),

-- a cancellation may name nobody, or somebody else: it concerns all whom any status of the order names
named_by_orders as (
    select distinct
        orders.contact_id,
        orders_in_tick.effective_at
    from orders_in_tick
    inner join {{ ref('orders') }} as orders on orders_in_tick.order_id = orders.order_id
    where
        orders.contact_id is not null
        and orders_in_tick.effective_at >= orders.effective_at
)

select
    contact_id,
    'orders' as kind,
    effective_at as known_at
from {{ with_surviving_contacts('named_by_orders', 'named_by_orders.effective_at') }}
{%- for kind, (relation, contact, known_at) in facts.items() %}

union

select
    {{ contact }} as contact_id,
    '{{ kind }}' as kind,
    {{ known_at }} as known_at
from {{ relation }}
where {{ in_tick(known_at) }} and {{ contact }} is not null
{%- endfor %}
