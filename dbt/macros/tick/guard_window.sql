{#- Refuses a window that would leave a gap, or overlap what is already done, for anything that this run selects. -#}
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
            {%- for scope in scopes | unique | sort -%}
                {%- do guard_window_of(scope, start | string, end | string) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
