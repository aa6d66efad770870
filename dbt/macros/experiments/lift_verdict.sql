{#- What to make of a lift, as the pages say it, and what it would take to know more: the columns verdict, people_to_verdict (where `people`
    says how many there are by now), days_to_verdict and outlook, which says the same in words. They go by what may be looked at every
    hour, not by the interval. A difference that stays as it is would be called after so many more people, who come as quickly as those
    did since `drawn_since`; one for which a thousand times as many are needed never is. -#}
{% macro lift_verdict(people=none) -%}
{%- set days = "epoch(" ~ last_tick_end() ~ " - drawn_since) / 86400.0" -%}
{%- set is_open = "held_out > 0 and not coalesce(ratio_p < 0.001, false) and not is_conclusive" -%}
{%- set is_early = "not coalesce(times_to_count <= 1, false)" -%}
{%- set can_be_awaited = is_open ~ " and times_to_call < 1000" -%}
    case
        when held_out = 0 then 'Nobody is held out yet.'
        when coalesce(ratio_p < 0.001, false) then 'Not to be trusted: unevenly divided.'
        when is_conclusive and lift > 0 then 'It adds.'
        when is_conclusive then 'It takes away.'
        when {{ is_early }} then 'Too early to say.'
        else 'May be chance.'
    end as verdict,
    {% if people -%}
    case when {{ can_be_awaited }} then {{ more_of(people, 'times_to_call') }} end as people_to_verdict,
    {% endif -%}
    case when {{ can_be_awaited }} then {{ more_of(days, 'times_to_call') }} end as days_to_verdict,
    case
        when not ({{ is_open }}) or coalesce(times_to_count, 1000) >= 1000 then null
        else concat_ws(
            ' ',
            case when {{ is_early }}
                then concat('Nothing is called before ', {{ wait_in_words(people, days, 'times_to_count') }}, '.')
            end,
            case
                when {{ is_early }} and times_to_call <= times_to_count then null
                when times_to_call < 1000 and {{ more_of(days, 'times_to_call') }} <= 730
                    then concat('If the difference stays, ', {{ wait_in_words(people, days, 'times_to_call') }}, ' would show it.')
                else 'A difference so small would take years to show.'
            end
        )
    end as outlook
{%- endmacro %}
