-- At once, two weeks ahead: time to renew. It belongs to what they have bought, so that no consent is needed.
select
    arrivals.*,
    {{ send(template='subscription_reminder', channels=['email'], topic='service', if_held='defer', expires='5 days') }}
from {{ arrivals(ref('subscription__entered'), exits=ref('subscription__exited')) }}
