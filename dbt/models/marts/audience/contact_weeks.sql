{{ config(event_time='as_of', access='protected') }}

-- Who is counted in contact_fatigue, at each midnight: of each number of messages those first from whom caps, or any gate, held
-- back most.
with {{ contact_weeks() }}

select
    as_of,
    messages as messages_in_week,
    contact_id,
    {%- for measure in ['held_back', 'stopped_frequency_cap', 'deferred', 'clicked', 'unsubscribed', 'complained', 'orders'] %}
    {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
from weeks
qualify
    row_number() over (
        partition by as_of, messages
        order by stopped_frequency_cap desc, held_back desc, contact_id asc
    ) <= {{ var('listed_contacts') }}
