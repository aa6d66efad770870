{#- Whether a step looks at what its workflow was like before. Not in its first tick, which has no before; nor in a unit test,
    which knows the step as it stands. -#}
{% macro follows_changes() %}
    {{ return(is_incremental() and not model.tested_node_unique_id) }}
{% endmacro %}
