{#- A window may follow the last completed one, or replace completed ones whole. -#}
{% macro guard_window_of(scope, start, end) %}
    {%- set done = run_query(
        "select max(tick_end) as last_end,"
        ~ " coalesce(max(tick_end) = timestamp '" ~ start ~ "', true) as follows,"
        ~ " count(*) filter (tick_start = timestamp '" ~ start ~ "') > 0"
        ~ " and count(*) filter (tick_end = timestamp '" ~ end ~ "') > 0 as replaces"
        ~ " from engine.windows where succeeded and scope = '" ~ scope ~ "'"
    ).rows[0] -%}
    {%- if not done['follows'] and not done['replaces'] -%}
        {%- do exceptions.raise_compiler_error(
            "The window " ~ start ~ " to " ~ end ~ " does not fit " ~ scope ~ ": it was last completed up to "
            ~ done['last_end'] ~ ". Start the window there, or run one again that is already done (whole)."
        ) -%}
    {%- endif -%}
{% endmacro %}
