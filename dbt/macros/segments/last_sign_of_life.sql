{#- When a contact was last seen doing anything, over the columns of a profile. -#}
{% macro last_sign_of_life() -%}
    greatest(first_seen_at, last_active_at, last_email_engaged_at, last_order_at, last_consent_at)
{%- endmacro %}
