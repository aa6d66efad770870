-- Four days later: what people ask before they decide.
select
    arrivals.*,
    {{ send(template='lead_questions', channels=['email'], topic='newsletter', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('lead_nurturing__story'), wait='4 days', exits=ref('lead_nurturing__exited')) }}
