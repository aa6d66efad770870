-- A day later: would those who recommend us say so where others read it?
select
    arrivals.*,
    {{ send(template='feedback_review_request', channels=['email'], topic='newsletter', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('feedback__answer'), wait='1 day', branch='promoter', exits=ref('feedback__exited')) }}
