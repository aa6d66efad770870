select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='partners', if_held='skip') }}
from {{ arrivals(ref('partner__entered'), exits=ref('partner__exited')) }}
