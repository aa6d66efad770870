select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='newsletter', if_held='defer', expires='60 hours') }}
from {{ arrivals(ref('gossip__entered'), exits=ref('gossip__exited')) }}
