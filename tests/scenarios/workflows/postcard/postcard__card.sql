select
    arrivals.*,
    {{ send(template='browse_reminder', channels=['in_app'], topic='offers') }}
from {{ arrivals(ref('postcard__entered'), exits=ref('postcard__exited')) }}
