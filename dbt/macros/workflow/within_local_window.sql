{#- A UTC timestamp itself where the clocks in a zone show a time within a window, on any day or on given weekdays (1 is
    Monday); else the next moment at which the window opens. The window's end is exclusive; one that ends before it begins goes
    over midnight, and its hours after midnight belong to the day on which it opened. -#}
{% macro within_local_window(after, timezone, window, weekdays=none) -%}
    {%- set local = to_local_time(after, timezone) -%}
    {%- set opened_on -%}
        isodow({{ local }} - case
            when time '{{ window[0] }}' > time '{{ window[1] }}' and cast({{ local }} as time) < time '{{ window[1] }}'
                then interval '1 day'
            else interval '0 days'
        end)
    {%- endset -%}
    case
        when
            {{ quiet_until(local, "'" ~ window[0] ~ "'", "'" ~ window[1] ~ "'") }} is not null
            {%- if weekdays %}
            and {{ opened_on }} in ({{ weekdays | join(', ') }})
            {%- endif %}
            then {{ after }}
        else {{ next_local_time(after, timezone, window[0], weekdays) }}
    end
{%- endmacro %}
