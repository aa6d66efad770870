-- Their birthday is today or in the next seven days.
select
    contact_id,
    valid_from,
    {{ member(
        when='next_birthday is not null',
        since="next_birthday - interval '7 days'",
        until="next_birthday + interval '1 day'"
    ) }}
from {{ ref('changed_profiles') }}
