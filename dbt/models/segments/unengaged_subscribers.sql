-- They get the newsletter, but have neither opened nor clicked an e-mail for 90 days.
select
    contact_id,
    valid_from,
    {{ member(
        when=consents_to('email', 'newsletter') ~ ' and email is not null',
        since="greatest(last_consent_at, last_email_engaged_at) + interval '90 days'"
    ) }}
from {{ ref('changed_profiles') }}
