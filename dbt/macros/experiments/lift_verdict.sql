{#- What to make of a lift, as the pages say it: by the verdict that may be looked at every hour, not by the interval. -#}
{% macro lift_verdict() -%}
    case
        when held_out = 0 then 'Nobody is held out yet.'
        when coalesce(ratio_p < 0.001, false) then 'Not to be trusted: unevenly divided.'
        when not is_conclusive then 'May be chance.'
        when lift > 0 then 'It adds.'
        else 'It takes away.'
    end
{%- endmacro %}
