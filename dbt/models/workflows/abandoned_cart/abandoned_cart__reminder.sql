-- At once: the cart is still there.
select
    arrivals.*,
    {{ send(template='cart_reminder', channels=['email'], topic='offers', if_held='skip') }}
from {{ arrivals(ref('abandoned_cart__entered'), exits=ref('abandoned_cart__exited')) }}
