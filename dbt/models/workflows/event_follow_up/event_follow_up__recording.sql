-- Who did not: the recording.
select
    arrivals.*,
    {{ send(template='event_recording', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('event_follow_up__turnout'), branch='missed it', exits=ref('event_follow_up__exited')) }}
