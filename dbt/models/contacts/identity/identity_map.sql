-- The linter does not know `using key`, by which the search for winners looks back on what it has found.
-- noqa: disable=PRS,ST03
{{ config(event_time='valid_from') }}

with born as (
    select
        identifier_id,
        first_seen_at
    from {{ ref('identifiers') }}
    where {{ in_tick('first_seen_at') }}
),

accepted as (
    select
        stronger_id,
        weaker_id,
        linked_at
    from {{ ref('identity_links') }}
    where {{ in_tick('linked_at') }} and is_accepted
),

{% if is_incremental() -%}
ends as (
    select stronger_id as identifier_id from accepted
    union all
    select weaker_id as identifier_id from accepted
),

{% endif -%}
-- the contact of everybody concerned when the tick begins; who is new stands for themselves
identified as (
    select
        identifier_id,
        identifier_id as contact_id,
        first_seen_at as contact_born_at
    from born
    {%- if is_incremental() %}
    union all
    select
        identifier_id,
        {{ last_by('contact_id', 'valid_from') }} as contact_id,
        {{ last_by('contact_born_at', 'valid_from') }} as contact_born_at
    from {{ this }}
    where
        valid_from < {{ tick_start() }}
        and identifier_id in (select identifier_id from ends)
    group by identifier_id
    {%- endif %}
),

contacts as (
    select distinct
        contact_id,
        contact_born_at as born_at
    from identified
),

links as (
    select
        lefts.contact_id as left_id,
        rights.contact_id as right_id,
        min(accepted.linked_at) as linked_at
    from accepted
    -- all of them are found; outer joins keep a planner from trying all pairs of contacts first
    left join identified as lefts on accepted.stronger_id = lefts.identifier_id
    left join identified as rights on accepted.weaker_id = rights.identifier_id
    where lefts.contact_id is distinct from rights.contact_id
    group by lefts.contact_id, rights.contact_id
),

winners as (
    select *
    from {{ winners_over_time('contacts', 'links') }} as versions
),

founders as (
    select contact_id
    from winners
    where winner_id = contact_id
),

versions as (
    select
        winners.contact_id as identifier_id,
        winners.winner_id as contact_id,
        winners.winner_born_at as contact_born_at,
        winners.valid_from,
        winners.contact_id in (select contact_id from founders) as is_founder
    from winners
    inner join born on winners.contact_id = born.identifier_id
    {%- if is_incremental() %}
    union all
    select
        members.identifier_id,
        winners.winner_id as contact_id,
        winners.winner_born_at as contact_born_at,
        winners.valid_from,
        members.is_founder
    from {{ this }} as members
    -- an absorbed contact never comes back: whoever was ever counted for one that still stands is still counted for it
    inner join winners on members.contact_id = winners.contact_id and winners.winner_id <> winners.contact_id
    where
        members.valid_from < {{ tick_start() }}
        and winners.contact_id not in (select identifier_id from born)
    {%- endif %}
)

select
    identifier_id,
    contact_id,
    contact_born_at,
    is_founder,
    valid_from,
    {{ tick_end() }} as tick_end
from versions
order by valid_from, identifier_id
