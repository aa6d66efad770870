-- What goes with it.
select
    arrivals.*,
    {{ send(template='cross_sell_suggestion', channels=['email'], topic='offers', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('cross_sell__pairing'), branch='what goes with it', exits=ref('cross_sell__exited')) }}
