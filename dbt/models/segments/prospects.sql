-- We know how to reach them, but they never bought.
select
    contact_id,
    valid_from,
    {{ member(when='orders_count = 0 and (email is not null or phone is not null)') }}
from {{ ref('changed_profiles') }}
