-- Who came: thank you, and what was shown.
select
    arrivals.*,
    {{ send(template='event_thanks', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('event_follow_up__turnout'), branch='attended', exits=ref('event_follow_up__exited')) }}
