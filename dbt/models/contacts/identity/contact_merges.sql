{{ config(event_time='merged_at') }}

select
    identifier_id as contact_id,
    contact_id as into_contact_id,
    valid_from as merged_at,
    tick_end
from {{ ref('identity_map') }}
where
    {{ in_tick('valid_from') }}
    and is_founder
    and contact_id <> identifier_id
