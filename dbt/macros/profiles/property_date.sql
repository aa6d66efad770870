{#- A date among a profile's properties; null where there is none, or nobody can read it as one.

        from {{ date_comes_up(profile_dates(property_date('subscription_renews_on')), yearly=false) }}
-#}
{% macro property_date(name) -%}
    try_cast({{ property(name) }} as date)
{%- endmacro %}
