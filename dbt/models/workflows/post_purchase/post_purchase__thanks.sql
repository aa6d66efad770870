-- At once: the order is in, and we are glad.
select
    arrivals.*,
    {{ send(template='post_purchase_thanks', channels=['email'], topic='service') }}
from {{ arrivals(ref('post_purchase__entered'), exits=ref('post_purchase__exited')) }}
