-- The silent ones get a last message.
select
    arrivals.*,
    {{ send(template='reengagement_goodbye', channels=['email'], topic='newsletter', if_held='skip') }}
from {{ arrivals(ref('reengagement__reaction'), branch='silent', exits=ref('reengagement__exited')) }}
