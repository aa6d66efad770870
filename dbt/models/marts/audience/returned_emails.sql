{{ config(event_time='as_of') }}

-- Whose e-mail was refused, came back or was objected to: the rows behind these numbers of email_deliverability.
with {{ emails_told(days=1, only_trouble=true) }}

select
    as_of,
    cast(as_of - interval '1 day' as date) as day,
    domain,
    workflow,
    measure as became,
    contact_id,
    action_id,
    known_at
from told
