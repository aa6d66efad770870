{#- The gates at which a candidate may be stopped, in the order in which it meets them. Between `expired` and `suppressed` stands
    one more that stops nobody for good: while a workflow is broken, what was put off for it waits for the next tick. -#}
{% macro gates() %}
    {{ return([
        'global holdout', 'erased', 'no consent', 'unreachable', 'exited', 'expired', 'suppressed', 'quiet hours',
        'frequency cap', 'provider rate'
    ]) }}
{% endmacro %}
