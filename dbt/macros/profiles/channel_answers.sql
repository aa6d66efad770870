{#- Whether each of the contacts of some profiles may be written to by each of some channels about each topic. `profiles` names a
    CTE of profiles with is_known, has_singled_out and suppressed_since, `channels` one of channels as eligibility_changes tells
    of them. Of a contact that is new only that is told of which there is something to say. -#}
{% macro channel_answers(profiles, channels) -%}
    (
        with by_channel as (
            select
                profiles.*,
                told_of.channel,
                told_of.address_type,
                told_of.is_for_all,
                told_of.address_type = 'email' and profiles.is_hard_bounced as is_bounced,
                case told_of.address_type
                    when 'email' then profiles.email
                    when 'phone' then profiles.phone
                    when 'contact' then cast(profiles.contact_id as varchar)
                    else (profiles.properties ->> told_of.address_type)
                end as address,
                list_bool_or([statement['channel'] in (told_of.channel, 'all') for statement in profiles.consents]) as has_stated
            from {{ profiles }} as profiles
            cross join {{ channels }} as told_of
        ),

        asked as (
            select
                by_channel.*,
                topics.topic,
                topics.kind = 'promotional' as is_promotional,
                topics.requires_consent,
                {{ latest_statement('by_channel.channel', 'topics.topic', "(topics.kind = 'transactional')", told=none) }} as latest
            from by_channel
            cross join {{ ref('topics') }} as topics
            where
                -- of a contact that is new there is nothing to say by most channels
                (by_channel.is_known or by_channel.address is not null or by_channel.has_stated or by_channel.is_erased)
                and (
                    topics.channel = by_channel.channel
                    or (
                        topics.channel is null
                        -- nobody is written to by a channel without addresses
                        and by_channel.address_type is distinct from 'none'
                        and (by_channel.address_type is distinct from 'contact' or by_channel.is_for_all <> by_channel.has_singled_out)
                    )
                )
        ),

        -- whom a step left in peace, until they order or say anything about consent
        judged as (
            select
                *,
                struct_extract(latest, 'status') as latest_statement,
                struct_extract(latest, 'stated_at') as stated_at,
                suppressed_since is not null
                and coalesce(suppressed_since > greatest(last_order_at, struct_extract(latest, 'stated_at')), true) as is_left_in_peace
            from asked
            -- nor about a topic that they have stated nothing of
            where is_known or address is not null or latest is not null or is_erased
        )

        select
            contact_id,
            channel,
            topic,
            address,
            case
                when merged_into_contact_id is not null then 'merged away'
                when is_erased then 'erased'
                when address is null then 'no address'
                when is_bounced or coalesce(list_contains(lost_addresses, address), false) then 'hard bounce'
            end as unreachable_reason,
            case
                when merged_into_contact_id is not null or is_erased or (is_promotional and has_complained) then false
                when requires_consent then coalesce(latest_statement = 'granted', false)
                else coalesce(latest_statement, 'none') <> 'withdrawn'
            end as is_consented,
            stated_at,
            case
                when not is_promotional then null
                when has_complained or is_bounced or is_left_in_peace then timestamp '9999-12-31'
                else last_order_at + interval '{{ var("purchase_suppression", "24 hours") }}'
            end as suppressed_until,
            case
                when not is_promotional then null
                when has_complained then 'complaint'
                when is_bounced then 'hard bounce'
                when is_left_in_peace then 'left in peace'
                when last_order_at is not null then 'recent purchase'
            end as suppression_reason,
            timezone,
            locale,
            is_erased,
            address is not null or latest_statement is not null or is_erased as has_something_to_say
        from judged
    )
{%- endmacro %}
