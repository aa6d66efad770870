-- The best that we have, before anybody else sees it.
select
    arrivals.*,
    {{ send(template='cross_sell_upgrade', channels=['email'], topic='offers', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('cross_sell__pairing'), branch='the best', exits=ref('cross_sell__exited')) }}
