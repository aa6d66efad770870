-- Three days ahead, for those who have not renewed.
select
    arrivals.*,
    {{ send(template='subscription_last_call', channels=['email'], topic='service', if_held='defer', expires='2 days') }}
from {{ arrivals(ref('subscription__reminder'), wait='11 days', exits=ref('subscription__exited')) }}
