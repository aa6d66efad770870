-- Who is not happy is marked, so that a person gets in touch.
select
    arrivals.*,
    {{ set_property('feedback_follow_up', "'wanted'") }}
from {{ arrivals(ref('feedback__answer'), branch='detractor', exits=ref('feedback__exited')) }}
