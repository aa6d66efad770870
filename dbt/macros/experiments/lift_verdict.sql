{#- What to make of a lift out of `awaited`, as the pages say it, and what it would take to know more: the columns verdict,
    people_to_verdict (unless `by_people` is false), days_to_verdict and outlook, which says the same in words. They go by what may be
    looked at every hour, not by the interval. -#}
{% macro lift_verdict(by_people=true) -%}
{%- set is_open = "held_out > 0 and not coalesce(ratio_p < 0.001, false) and not is_conclusive" -%}
{%- set is_early = "not coalesce(times_to_count <= 1, false)" -%}
    case
        when held_out = 0 then 'Nobody is held out yet.'
        when coalesce(ratio_p < 0.001, false) then 'Not to be trusted: unevenly divided.'
        when is_conclusive and lift > 0 then 'It adds.'
        when is_conclusive then 'It takes away.'
        when {{ is_early }} then 'Too early to say.'
        else 'May be chance.'
    end as verdict,
    {% if by_people -%}
    case when {{ is_open }} then people_to_call end as people_to_verdict,
    {% endif -%}
    case when {{ is_open }} then days_to_call end as days_to_verdict,
    case
        when not ({{ is_open }}) or days_to_count is null then null
        else concat_ws(
            ' ',
            case when {{ is_early }}
                then concat('Nothing is called before ', {{ wait_in_words('count', by_people) }}, '.')
            end,
            case
                when {{ is_early }} and times_to_call <= 1.01 * times_to_count then null
                when days_to_call <= 730
                    then concat('If the difference stays, ', {{ wait_in_words('call', by_people) }}, ' would show it.')
                else 'A difference so small would take years to show.'
            end
        )
    end as outlook
{%- endmacro %}
