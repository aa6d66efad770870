{#- Columns of decisions.decisions. The table must exist before the first tick, because each tick asks it what earlier ones
    decided; the model of the same name fills it. -#}
{% macro decision_columns() -%}
    action_id bigint, tick_end timestamp, workflow varchar, step varchar, enrollment_id bigint, contact_id bigint, kind varchar,
    template varchar, variant varchar, topic varchar, topic_kind varchar, channels varchar[], if_held varchar, context varchar,
    priority integer, reached_at timestamp, due_at timestamp, expires_at timestamp, times_deferred integer,
    channel varchar, outcome varchar, gate varchar, reason varchar, held_until timestamp, send_after timestamp
{%- endmacro %}
