{{ config(event_time='as_of') }}

-- How much contacts get in a week, and what more of it brings: at each midnight, contacts by the messages that they got in the
-- seven days before. Beside it stands what was held back from them, by the gate that did.
with {{ contact_weeks() }}

select
    as_of,
    messages as messages_in_week,
    count(*) as contacts,
    {%- for gate in gates() %}
    cast(sum(stopped_{{ gate | replace(' ', '_') }}) as bigint) as stopped_{{ gate | replace(' ', '_') }},
    {%- endfor %}
    {%- for measure in ['deferred', 'clicked', 'unsubscribed', 'complained', 'orders'] %}
    cast(sum({{ measure }}) as bigint) as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
from weeks
group by as_of, messages
