-- A day after the ticket, a week after the order: how likely are you to recommend us?
select
    arrivals.*,
    {{ send(template='feedback_survey', channels=['email'], topic='newsletter', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('feedback__entered'), until='ask_at', exits=ref('feedback__exited')) }}
