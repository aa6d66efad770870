{#- An identifier as it is compared, null where it is empty or on the list of those to ignore. Mail providers take capitals
    for small letters. `guards` names the row of lists (see guard_lists). -#}
{% macro counting_value(type, guards) -%}
    {%- set value = 'trim(lower(' ~ type ~ '))' if type == 'email' else 'trim(' ~ type ~ ')' -%}
    case
        when list_contains({{ guards }}.ignored_{{ type }}, {{ value if type == 'email' else 'lower(' ~ value ~ ')' }}) then null
        else nullif({{ value }}, '')
    end
{%- endmacro %}
