{#- Which identifiers stood together in the tick's rows, each combination once, with its anchor (see with_anchor) and seen_at.
    All arguments are relations. -#}
{% macro sightings(contacts, events, orders, consents) -%}
    (
        with named as (
            select user_id, email, phone, null as anonymous_id, null as match_key_value, effective_at
            from {{ contacts }} as landed_contacts
            where {{ in_tick('effective_at') }}
            union all
            select user_id, email, phone, anonymous_id, null as match_key_value, effective_at
            from {{ events }} as landed_events
            where {{ in_tick('effective_at') }}
            union all
            select user_id, email, phone, anonymous_id, null as match_key_value, effective_at
            from {{ orders }} as landed_orders
            where {{ in_tick('effective_at') }}
            union all
            select user_id, email, phone, null as anonymous_id, null as match_key_value, effective_at
            from {{ consents }} as landed_consents
            where {{ in_tick('effective_at') }}
            union all
            select user_id, email, phone, null as anonymous_id, match_key_value, effective_at
            from {{ match_keys(contacts) }} as keys
        ),

        combinations as (
            select
                user_id,
                email,
                phone,
                anonymous_id,
                match_key_value,
                min(effective_at) as seen_at
            from named
            group by
                user_id,
                email,
                phone,
                anonymous_id,
                match_key_value
        )

        select *
        from {{ with_anchor('combinations', identifier_types()) }} as anchored
        where anchor_type is not null
    )
{%- endmacro %}
