-- A day later still: only a full cart is worth an incentive.
select
    arrivals.*,
    {{ branch({'high': 'cart_value >= 50'}, otherwise='low') }}
from {{ arrivals(ref('abandoned_cart__reassurance'), wait='24 hours', exits=ref('abandoned_cart__exited')) }}
