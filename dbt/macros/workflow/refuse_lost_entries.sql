{#- Refuses to begin an entry table anew when its workflow has run before: who has entered would be forgotten, and enrolled and
    written to once more. -#}
{% macro refuse_lost_entries() -%}
    {%- if execute and flags.WHICH in ['run', 'build'] and load_relation(this) is none -%}
        {%- set done = run_query(
            "select max(tick_end) as last_end from engine.windows where succeeded and scope = '" ~ workflow_name() ~ "'"
        ).rows[0]['last_end'] -%}
        {%- if done -%}
            {%- do exceptions.raise_compiler_error(
                model.name ~ " is gone, and with it who has entered " ~ workflow_name() ~ " up to " ~ done
                ~ ". Bring the table back from a copy of the warehouse; begun anew, it would enroll people twice."
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
