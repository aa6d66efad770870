-- Three weeks after the order: how was it?
select
    arrivals.*,
    {{ send(template='post_purchase_review', channels=['email'], topic='newsletter', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('post_purchase__tips'), wait='14 days', exits=ref('post_purchase__exited')) }}
