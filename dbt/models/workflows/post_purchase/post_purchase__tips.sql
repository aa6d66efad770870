-- A week later: how to get the most out of it.
select
    arrivals.*,
    {{ send(template='post_purchase_tips', channels=['email'], topic='newsletter', if_held='defer', expires='72 hours') }}
from {{ arrivals(ref('post_purchase__thanks'), wait='7 days', exits=ref('post_purchase__exited')) }}
