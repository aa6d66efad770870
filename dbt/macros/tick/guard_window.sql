{#- Refuses a window that would leave a gap, or overlap what is already done, for anything that this run selects: a window
    may follow the last completed one, or replace completed ones whole. -#}
{% macro guard_window() %}
    {%- if execute and flags.WHICH in ['run', 'build'] and not flags.EMPTY -%}
        {%- set scopes = [] -%}
        {%- for unique_id in selected_resources -%}
            {%- set node = graph.nodes.get(unique_id) -%}
            {%- if node and node.resource_type == 'model' and node.config.materialized == 'incremental' -%}
                {%- do scopes.append(scope_of(node)) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if scopes -%}
            {%- set start = invocation_args_dict.get('event_time_start') -%}
            {%- set end = invocation_args_dict.get('event_time_end') -%}
            {%- if not start or not end -%}
                {%- do exceptions.raise_compiler_error(
                    "No window: these models run tick by tick. Give --event-time-start and --event-time-end,"
                    ~ " or let `hourbell tick` choose the next window."
                ) -%}
            {%- endif -%}
            {%- set among = "scope in ('" ~ scopes | unique | sort | join("', '") ~ "')" -%}
            {%- set unfit = run_query(as_written(
                "select scope, max(tick_end) as last_end from engine.windows where succeeded and " ~ among
                ~ " group by scope having max(tick_end) <> " ~ tick_start()
                ~ " and not (bool_or(tick_start = " ~ tick_start() ~ ") and bool_or(tick_end = " ~ tick_end() ~ "))"
                ~ " order by scope limit 1"
            )).rows -%}
            {%- for window in unfit -%}
                {%- do exceptions.raise_compiler_error(
                    "The window " ~ start ~ " to " ~ end ~ " does not fit " ~ window['scope'] ~ ": it was last completed up to "
                    ~ window['last_end'] ~ ". Start the window there, or run one again that is already done (whole)."
                ) -%}
            {%- endfor -%}
            {#- whoever broke in this window has another chance, and is not taken for broken until it breaks again -#}
            {%- do delete_rows(
                'engine.windows',
                "not succeeded and " ~ among ~ " and tick_end > " ~ tick_start() ~ " and tick_end <= " ~ tick_end()
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
