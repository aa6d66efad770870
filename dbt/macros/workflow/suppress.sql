{#- Proposes that nothing promotional goes to the contact any more, until they order, or state anew what they agree to: the gate
    suppresses it (property suppressed_since).

        select arrivals.*, {{ suppress() }}
-#}
{% macro suppress(when='true') -%}
    {{ set_property('suppressed_since', "cast(arrivals.reached_at as varchar)", when) }}
{%- endmacro %}
