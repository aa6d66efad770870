{{ config(materialized='view') }}

-- To whom the n-th message of a week was to go as of the last midnight, and who was kept from it: the contacts behind
-- marginal_message.
select *
from {{ ref('marginal_weeks') }}
where as_of = (select max(marginal.as_of) from {{ ref('marginal_message') }} as marginal)
