{#- When quiet hours begin next, at or after a moment; null where there are none. Wall-clock times, as for quiet_until. -#}
{% macro quiet_begins(local, quiet_from, quiet_to) -%}
    {{ return(adapter.dispatch('quiet_begins', 'hourbell')(local, quiet_from, quiet_to)) }}
{%- endmacro %}

{% macro default__quiet_begins(local, quiet_from, quiet_to) -%}
    {%- set begins = "cast(" ~ quiet_from ~ " as time)" -%}
    case
        when {{ begins }} <> cast({{ quiet_to }} as time)
            then
                date_trunc('day', {{ local }}) + cast({{ quiet_from }} as interval)
                + case when cast({{ local }} as time) > {{ begins }} then interval '1 day' else interval '0 days' end
    end
{%- endmacro %}
