{#- When quiet hours end (UTC), if a moment lies within them where the contact lives; else null. quiet_from and quiet_to are
    local times of day such as '21:00'; a window over midnight is meant where the end is earlier. Ends are exclusive. -#}
{% macro quiet_until(moment, timezone, quiet_from, quiet_to) -%}
    {%- set local = to_local_time(moment, timezone) -%}
    {%- set clock = "strftime(" ~ local ~ ", '%H:%M')" -%}
    {%- set ends_today = "cast(concat(strftime(" ~ local ~ ", '%Y-%m-%d '), " ~ quiet_to ~ ") as timestamp)" -%}
    case
        when {{ quiet_from }} is null or {{ quiet_to }} is null or {{ quiet_from }} = {{ quiet_to }} then null
        when {{ quiet_from }} < {{ quiet_to }} and {{ clock }} >= {{ quiet_from }} and {{ clock }} < {{ quiet_to }}
            then {{ from_local_time(ends_today, timezone) }}
        when {{ quiet_from }} > {{ quiet_to }} and {{ clock }} >= {{ quiet_from }}
            then {{ from_local_time(ends_today ~ " + interval '1 day'", timezone) }}
        when {{ quiet_from }} > {{ quiet_to }} and {{ clock }} < {{ quiet_to }}
            then {{ from_local_time(ends_today, timezone) }}
    end
{%- endmacro %}
