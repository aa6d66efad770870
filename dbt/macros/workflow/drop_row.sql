{#- Proposes a row in a file for a partner: no message, so that it needs no consent, and no cap or quiet hour holds it. A letter to the
    contact goes by send(channels=['direct_mail']).

    template  folder in activations/templates, whose row.yml names the drop and fills its columns
    carry     columns that the template knows as the context; of none named, everything that the step carries

        select arrivals.*, {{ drop_row('call_list', carry=['cart_value']) }}
-#}
{% macro drop_row(template, carry=none, when='true', expires='24 hours') -%}
    {{ act(
        'drop_row', ['file_drop'], 'service', when=when, expires=expires, template=template,
        details='null' if carry is none else action_details({}, carry)
    ) }}
{%- endmacro %}
