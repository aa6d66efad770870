{{ config(event_time='as_of', access='protected') }}

-- Who is counted in marginal_message, at each midnight: of each number the lost first, then those to whom it was sent.
with {{ marginal_people() }}

select
    people.as_of,
    people.message_number,
    people.contact_id,
    people.is_held_out,
    people.is_sent,
    coalesce(met_with.is_lost, false) as is_lost
from people
left join met_with
    on
        people.as_of = met_with.as_of
        and people.message_number = met_with.message_number
        and people.action_id = met_with.action_id
qualify
    row_number() over (
        partition by people.as_of, people.message_number, people.is_held_out
        order by is_lost desc, people.is_sent desc, people.contact_id asc
    ) <= {{ var('listed_contacts') }}
