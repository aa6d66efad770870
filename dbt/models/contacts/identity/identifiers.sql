{{ config(event_time='first_seen_at') }}

with sightings as (
    select *
    from {{ sightings(
        contacts=ref('stg_contacts'),
        events=ref('stg_events'),
        orders=ref('stg_orders'),
        consents=ref('stg_consents')
    ) }} as combinations
),

first_sighted as (
    select
        identifier_id,
        identifier_type,
        identifier_value,
        min(seen_at) as first_seen_at
    from {{ typed_identifiers('sightings', keep=['seen_at']) }} as sighted
    group by
        identifier_id,
        identifier_type,
        identifier_value
)

select *
from first_sighted
{%- if is_incremental() %}
where
    identifier_id not in (
        select identifier_id
        from {{ this }}
        where
            first_seen_at < {{ tick_start() }}
            and identifier_id in (select identifier_id from first_sighted)
    )
{%- endif %}
