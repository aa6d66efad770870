{#- Who qualified while the workflow was not live, and enters in this tick all the same, because somebody asked for it: `hourbell
    backfill` wrote down who, when they enter, and what they carry. They enter as anybody does, by the same rule of re-entry.

    backfilled  the table of them
    live        a CTE of when the workflow is live: live_since, live_until
    key_parts   of the enrollment's id -#}
{% macro let_in_by_backfill(backfilled, live, workflow, key_parts) -%}
    {%- set told = ['enrollment_id', 'contact_id', 'entry_key', 'reached_at', 'occurred_at', 'assignment', 'holdout_share', 'definition_version', 'tick_end'] -%}
    select
                {{ stable_hash(key_parts) }} as enrollment_id,
                contact_id,
                entry_key,
                reached_at,
                occurred_at
                {%- for column in adapter.get_columns_in_relation(this) if column.name not in told %},
                {{ from_json_object('carried', column.name, column.dtype) }} as {{ column.name }}
                {%- endfor %}
            from {{ backfilled }} as backfilled
            inner join {{ live }}
                on
                    backfilled.reached_at >= {{ live }}.live_since
                    and backfilled.reached_at < {{ live }}.live_until
            where
                {{ in_tick('backfilled.reached_at') }}
                and backfilled.workflow = '{{ workflow }}'
{%- endmacro %}
