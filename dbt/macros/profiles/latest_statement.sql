{#- What a contact stated last about a channel and topic (expressions): granted, withdrawn, or null; `told` may ask when it
    was stated instead, and none asks for both. The word all, in a statement, stands for every channel, or for every topic that
    is not transactional. `consents` is the profile's column. -#}
{% macro latest_statement(channel, topic, is_transactional='false', consents='consents', told='status') -%}
    list_extract([
        statement{{ '.' ~ told if told }} for statement in {{ consents }}
        if statement.channel in ({{ channel }}, 'all')
        and (statement.topic = {{ topic }} or (statement.topic = 'all' and not {{ is_transactional }}))
    ], 1)
{%- endmacro %}
