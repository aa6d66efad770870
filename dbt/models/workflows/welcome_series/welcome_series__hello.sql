-- At once; under one of two subjects, as long as it is not decided which of them brings more people to the shop.
select
    arrivals.*,
    {{ send(template='welcome_hello', channels=['email'], topic='newsletter', variant=experiment('welcome subject')) }}
from {{ arrivals(ref('welcome_series__entered'), exits=ref('welcome_series__exited')) }}
