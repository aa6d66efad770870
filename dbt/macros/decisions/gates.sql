{#- The gates, in the order in which a candidate meets them. -#}
{% macro gates() %}
    {{ return([
        'global holdout', 'erased', 'no consent', 'unreachable', 'exited', 'expired', 'suppressed', 'quiet hours',
        'frequency cap', 'provider rate'
    ]) }}
{% endmacro %}
