-- They looked at products three times or more in the last 14 days.
with views as (
    select *
    from {{ ref('events') }}
    where event = 'Product Viewed'
),

browsing as (
    select * from {{ profiles_with_events({'views': '14 days'}) }}
)

select
    contact_id,
    valid_from,
    {{ member(when='views_count >= 3') }}
from browsing
