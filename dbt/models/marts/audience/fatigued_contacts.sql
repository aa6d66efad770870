{{ config(materialized='view') }}

-- Who gets how many messages in a week as of the last midnight, and how many were held back from each: the contacts behind
-- contact_fatigue.
select *
from {{ ref('contact_weeks') }}
where as_of = (select max(fatigue.as_of) from {{ ref('contact_fatigue') }} as fatigue)
