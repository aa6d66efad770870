-- Nobody has this many addresses and devices: something that many people share has slipped past the guards. A warning, since
-- merging is not undone by stopping; name what they share in the seed identity_guarded_identifiers.
{{ config(severity='warn') }}

select
    contact_id,
    count(distinct identifier_id) as identifiers
from {{ ref('identity_map') }}
group by contact_id
having count(distinct identifier_id) > 200
