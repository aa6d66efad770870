-- They visited us, or opened or clicked an e-mail, in the last 30 days.
select
    contact_id,
    valid_from,
    {{ member(
        when='true',
        since='greatest(last_active_at, last_email_engaged_at)',
        until="greatest(last_active_at, last_email_engaged_at) + interval '30 days'"
    ) }}
from {{ ref('changed_profiles') }}
