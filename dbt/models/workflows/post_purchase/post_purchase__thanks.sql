-- At once: the order is in, and we are glad. The button leads to the order or to what makes it last, whichever brings more
-- people back.
select
    arrivals.*,
    {{ send(template='post_purchase_thanks', channels=['email'], topic='service', variant=experiment('thanks button')) }}
from {{ arrivals(ref('post_purchase__entered'), exits=ref('post_purchase__exited')) }}
