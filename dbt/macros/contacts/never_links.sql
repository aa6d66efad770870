{#- Whether the identifier in <type>_value is on the list of those that never link, itself or, of an e-mail address, its local
    part (without a tag behind a plus) or its domain. `guards` names the row of lists (see guard_lists). -#}
{% macro never_links(type, guards) -%}
    {%- set value = type ~ '_value' -%}
    {%- set checks = [['never_links_' ~ type, value if type == 'email' else 'lower(' ~ value ~ ')']] -%}
    {%- if type == 'email' -%}
        {%- do checks.append(['never_links_local_part', "split_part(split_part(" ~ value ~ ", '@', 1), '+', 1)"]) -%}
        {%- do checks.append(['never_links_domain', "split_part(" ~ value ~ ", '@', 2)"]) -%}
    {%- endif -%}
    (
        {%- for list, compared in checks %}
        {{- ' or ' if not loop.first }}coalesce(list_contains({{ guards }}.{{ list }}, {{ compared }}), false)
        {%- endfor -%}
    )
{%- endmacro %}
