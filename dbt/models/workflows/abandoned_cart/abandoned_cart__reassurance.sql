-- A day after the cart was left: what speaks for us.
select
    arrivals.*,
    {{ send(template='cart_reassurance', channels=['email'], topic='offers', if_held='defer', expires='48 hours') }}
from {{ arrivals(ref('abandoned_cart__reminder'), wait='23 hours', exits=ref('abandoned_cart__exited')) }}
