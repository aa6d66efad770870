-- Something that tips the scale, for full carts.
select
    arrivals.*,
    {{ send(template='cart_incentive', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('abandoned_cart__by_value'), branch='high', exits=ref('abandoned_cart__exited')) }}
