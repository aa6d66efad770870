{#- What spoke for or against contacts' interest since a time, without asking what was decided: reports on our messages, days of
    activity, orders and what was given back of them. Each with its kind, as engagement_weights has it.

    among  a CTE of people_of: of nobody else -#}
{% macro spoken_by_contacts(since, among=none) -%}
    {%- set of_these = "and contact_id in (select member_id from " ~ among ~ ")" if among else '' -%}
    (
        select
            contact_id,
            kind,
            occurred_at,
            effective_at
        from (
            select
                contact_id,
                {{ action_of_event('properties') }} as action_id,
                {{ engagement_kind('event', 'properties') }} as kind,
                occurred_at,
                effective_at
            from {{ ref('events') }}
            where
                effective_at >= {{ since }}
                and effective_at < {{ tick_end() }}
                and contact_id is not null
                {{ of_these }}
        ) as reports
        where action_id is not null and kind is not null
        -- who opens a message five times has opened it
        qualify row_number() over (partition by action_id, kind order by effective_at, occurred_at) = 1

        union all

        select
            contact_id,
            kind,
            occurred_at,
            effective_at
        from {{ ref('contact_activity_days') }}
        where effective_at >= {{ since }} and effective_at < {{ tick_end() }} and kind not in ('email_open', 'email_click')
            {{ of_these }}

        union all

        select
            contact_id,
            case status when 'placed' then 'ordered' else 'given back' end as kind,
            occurred_at,
            effective_at
        from {{ ref('orders') }}
        where
            effective_at >= {{ since }}
            and effective_at < {{ tick_end() }}
            and status in ('placed', 'cancelled', 'refunded')
            and contact_id is not null
            {{ of_these }}
    )
{%- endmacro %}
