select
    arrivals.*,
    {{ send(template='welcome_story', channels=['sms', 'email'], topic='offers', if_held='next channel') }}
from {{ arrivals(ref('alarm__entered'), exits=ref('alarm__exited')) }}
