-- A day after the cart was left: what speaks for us. One in five gets none, so that it can be seen what a second message adds.
select
    arrivals.*,
    {{ send(
        template='cart_reassurance', channels=['email'], topic='offers', if_held='defer', expires='48 hours', holdout=0.2
    ) }}
from {{ arrivals(ref('abandoned_cart__reminder'), wait='23 hours', exits=ref('abandoned_cart__exited')) }}
