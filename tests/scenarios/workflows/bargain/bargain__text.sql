select
    arrivals.*,
    {{ send(template='welcome_story', channels=['sms'], topic='offers', if_held='defer', expires='20 hours') }}
from {{ arrivals(ref('bargain__entered'), exits=ref('bargain__exited')) }}
