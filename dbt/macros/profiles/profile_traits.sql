{#- What sources say of who a contact is. -#}
{% macro profile_traits() -%}
    {{ return([
        'user_id', 'email', 'phone', 'first_name', 'last_name', 'birth_date', 'country', 'locale', 'timezone'
    ]) }}
{%- endmacro %}
