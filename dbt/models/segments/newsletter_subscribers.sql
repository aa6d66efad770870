-- They agreed to the newsletter by e-mail.
select
    contact_id,
    valid_from,
    {{ member(when=consents_to('email', 'newsletter') ~ ' and email is not null') }}
from {{ ref('changed_profiles') }}
