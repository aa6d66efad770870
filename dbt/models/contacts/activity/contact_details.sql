{{ config(event_time='effective_at') }}

with from_contacts as (
    select
        contact_id,
        {{ stable_hash(["'contact'", 'source', 'user_id', 'occurred_at']) }} as statement_id,
        source,
        user_id,
        email,
        phone,
        first_name,
        last_name,
        birth_date,
        country,
        locale,
        timezone,
        properties,
        occurred_at,
        effective_at
    from {{ with_contact(ref('stg_contacts'), ref('identity_map'), types=['user_id', 'email', 'phone']) }} as resolved
),

-- names as in Segment's spec, or as columns are called here
from_identify_calls as (
    select
        contact_id,
        {{ stable_hash(["'message'", 'message_id']) }} as statement_id,
        source,
        user_id,
        email,
        phone,
        {{ json_text('traits', ['first_name', 'firstName']) }} as first_name,
        {{ json_text('traits', ['last_name', 'lastName']) }} as last_name,
        try_cast({{ json_text('traits', ['birth_date', 'birthday']) }} as date) as birth_date,
        {{ json_text('traits', ['country', '$.address.country']) }} as country,
        coalesce({{ json_text('traits', ['locale']) }}, {{ json_text('context', ['locale']) }}) as locale,
        coalesce({{ json_text('traits', ['timezone']) }}, {{ json_text('context', ['timezone']) }}) as timezone,
        traits as properties,
        occurred_at,
        effective_at
    from {{ with_contact(ref('stg_events'), ref('identity_map'), only="landed.type = 'identify'") }} as resolved
),

-- an app says in some of its calls on which device it runs
from_apps as (
    select
        contact_id,
        {{ stable_hash(["'device'", 'message_id']) }} as statement_id,
        source,
        user_id,
        email,
        phone,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        cast(null as date) as birth_date,
        cast(null as varchar) as country,
        cast(null as varchar) as locale,
        cast(null as varchar) as timezone,
        to_json(struct_pack(push_token := {{ json_text('context', ['$.device.token']) }})) as properties,
        occurred_at,
        effective_at
    from
        {{ with_contact(ref('stg_events'), ref('identity_map'), only="
            (
                landed.type = 'identify'
                or landed.event in ('Application Installed', 'Application Updated', 'Application Opened')
            )
            and (landed.context ->> '$.device.token') <> ''
        ") }} as resolved
),

stated as (
    select * from from_contacts
    union all
    select * from from_identify_calls
    union all
    select * from from_apps
)

select *
from stated
where contact_id is not null
order by effective_at, statement_id
