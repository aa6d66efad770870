select
    arrivals.*,
    {{ send(template='welcome_story', channels=['push', 'sms', 'email'], topic='offers', if_held='next channel') }}
from {{ arrivals(ref('pickup__entered'), exits=ref('pickup__exited')) }}
