{#- A view, on Spark. -#}
{% materialization view, adapter='spark' %}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main') -%}
        create or replace view {{ this }} as {{ as_written(compiled_code) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [this]}) }}
{% endmaterialization %}
