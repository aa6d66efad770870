{#- Remembers how each scope fared in this window. A later run learns from it where to go on. -#}
{% macro record_windows(results) %}
    {%- if execute and flags.WHICH in ['run', 'build'] and not flags.EMPTY and invocation_args_dict.get('event_time_end') -%}
        {%- set fared = {} -%}
        {%- for result in results if result.node.resource_type == 'model' -%}
            {%- set scope = scope_of(result.node) -%}
            {%- do fared.update({scope: fared.get(scope, true) and result.status == 'success'}) -%}
        {%- endfor -%}
        {%- set windows = [] -%}
        {%- for scope, succeeded in fared.items() -%}
            {%- do windows.append("('" ~ scope ~ "', " ~ tick_start() ~ ", " ~ tick_end() ~ ", " ~ succeeded ~ ")") -%}
        {%- endfor -%}
        {%- if windows -%}
            {%- do delete_rows(
                'engine.windows',
                "scope in ('" ~ fared.keys() | join("', '") ~ "')"
                ~ " and tick_end > " ~ tick_start() ~ " and tick_end <= " ~ tick_end()
            ) -%}
            {%- do run_query("insert into engine.windows values " ~ windows | join(', ')) -%}
        {%- endif -%}
        {%- do adapter.commit_if_has_connection() if adapter.commit_if_has_connection is defined else none -%}
    {%- endif -%}
{% endmacro %}
