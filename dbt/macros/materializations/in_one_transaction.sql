{#- What every materialization does around its statement: the hooks, the contract, the commit. The block is called when the
    transaction has begun, and what it returns is the statement:

        {% call in_one_transaction() %} create or replace view ... {% endcall %}
-#}
{% macro in_one_transaction() %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(compiled_code) }}
    {%- endif -%}
    {%- set written = caller() -%}
    {%- call statement('main') -%} {{ written }} {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
{% endmacro %}
