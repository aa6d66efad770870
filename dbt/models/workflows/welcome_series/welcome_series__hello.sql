-- At once; half of them get the shorter subject.
select
    arrivals.*,
    {{ send(
        template='welcome_hello', channels=['email'], topic='newsletter',
        variant=split({'short subject': 1, 'long subject': 1}, salt='welcome subject')
    ) }}
from {{ arrivals(ref('welcome_series__entered'), exits=ref('welcome_series__exited')) }}
