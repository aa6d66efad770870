{{ config(materialized='view') }}

-- eligibility_changes, with a row for each of the channels that answer alike.
select *
from {{ ref('eligibility_changes') }}
where channel <> {{ every_channel_to('contact') }}

union all

select changes.* replace (channels.channel as channel)
from {{ ref('eligibility_changes') }} as changes
cross join {{ ref('channels') }} as channels
where
    changes.channel = {{ every_channel_to('contact') }}
    and channels.address_type = 'contact'
