{#- The columns that make up a profile: a new version is written when one of them changes. -#}
{% macro profile_content() -%}
    {{ return(profile_traits() + [
        'next_birthday', 'properties', 'first_seen_at', 'orders_count', 'revenue', 'average_order_value', 'first_order_at', 'last_order_at',
        'active_days', 'last_active_at', 'last_email_engaged_at', 'consents', 'last_consent_at', 'email_consented',
        'is_hard_bounced', 'has_complained', 'is_erased', 'merged_into_contact_id'
    ]) }}
{%- endmacro %}
