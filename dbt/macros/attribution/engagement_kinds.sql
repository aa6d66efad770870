{#- The kinds of engagement that engagement_kind tells apart, and the column of workflow_performance that counts each. -#}
{% macro engagement_kinds() %}
    {{ return({
        'opened': 'opened',
        'opened by machine': 'opened_by_machine',
        'clicked': 'clicked',
        'unsubscribed': 'unsubscribed',
        'complained': 'complained',
        'bounced': 'bounced'
    }) }}
{% endmacro %}
