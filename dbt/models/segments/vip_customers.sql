-- They bought five times, or for 1,000 in all.
select
    contact_id,
    valid_from,
    {{ member(when='orders_count >= 5 or revenue >= 1000') }}
from {{ ref('changed_profiles') }}
