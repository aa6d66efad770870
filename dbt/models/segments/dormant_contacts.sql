-- Nothing was seen of them for 90 days.
select
    contact_id,
    valid_from,
    {{ member(when='true', since=last_sign_of_life() ~ " + interval '90 days'") }}
from {{ ref('changed_profiles') }}
