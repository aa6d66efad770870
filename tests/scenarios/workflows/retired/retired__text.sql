select
    arrivals.*,
    {{ send(template='welcome_story', channels=['sms'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('retired__entered'), exits=ref('retired__exited')) }}
