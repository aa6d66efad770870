{#- When quiet hours end, if a moment lies within them; else null. Moments are wall-clock times, as to_local_time gives them;
    quiet_from and quiet_to are times of day such as '21:00'. A window over midnight is meant where the end is earlier. Ends are
    exclusive. -#}
{% macro quiet_until(local, quiet_from, quiet_to) -%}
    {{ return(adapter.dispatch('quiet_until', 'hourbell')(local, quiet_from, quiet_to)) }}
{%- endmacro %}

{% macro default__quiet_until(local, quiet_from, quiet_to) -%}
    {%- set clock = "cast(" ~ local ~ " as time)" -%}
    {%- set begins = "cast(" ~ quiet_from ~ " as time)" -%}
    {%- set ends = "cast(" ~ quiet_to ~ " as time)" -%}
    case
        when
            ({{ clock }} >= {{ begins }} and {{ clock }} < {{ ends }})
            or ({{ begins }} > {{ ends }} and ({{ clock }} >= {{ begins }} or {{ clock }} < {{ ends }}))
            then
                date_trunc('day', {{ local }}) + cast({{ quiet_to }} as interval)
                + case when {{ clock }} >= {{ ends }} then interval '1 day' else interval '0 days' end
    end
{%- endmacro %}
