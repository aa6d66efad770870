select
    arrivals.*,
    {{ send(template='browse_reminder', channels=['web'], topic='website') }}
from {{ arrivals(ref('postcard__card'), exits=ref('postcard__exited')) }}
