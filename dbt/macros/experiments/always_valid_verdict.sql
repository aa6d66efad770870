{#- The columns always_valid_p, is_conclusive, times_to_count and times_to_call of the difference of two sides that are looked at
    whenever the marts are built: by the confidence sequence that experiments are judged by. What is known grows with the people who
    did it, as many as would be on even sides: that is the sequence's clock, which goes on where outcomes come in long after the people. Nothing is called before it has
    come to `lift_minimum` of them, since the sequence holds for large numbers. Conversions and money share the 5 %, so that no
    more holdouts than that are ever called by either.

    times_to_count says how many times as much as is known has to be known before anything is called, and times_to_call before a
    difference that stays as it is would be: the first by which the same test calls it, to one in a hundred, up to a thousand.

    variance    of the difference, its standard error squared, where the sides are alike
    share       how much each person of both sides tells: the share that did it, times that which did not where it is yes or no
    both_sizes  one over the size of either side, added up -#}
{% macro always_valid_verdict(difference, variance, share, both_sizes) -%}
    {%- set alpha = '0.025' -%}
    {%- set seen = "(4 * " ~ share ~ " / nullif(" ~ both_sizes ~ ", 0))" -%}
    {%- set ratio = mixture_ratio(seen, '(2.0 * ' ~ var('lift_minimum') ~ ')', alpha) -%}
    case
            when {{ both_sizes }} is not null then {{ always_valid_p(difference, variance, ratio) }}
        end as always_valid_p,
        coalesce(
            {{ seen }} >= {{ var('lift_minimum') }}
            and abs({{ difference }}) > {{ always_valid_margin(variance, ratio, alpha) }},
            false
        ) as is_conclusive,
        {{ var('lift_minimum') }} / nullif({{ seen }}, 0) as times_to_count,
        list_min(list_filter(
            [pow(1.01, place) for place in range(695)],
            lambda times: {{ seen }} * times >= {{ var('lift_minimum') }}
            and abs({{ difference }}) > {{ always_valid_margin(variance ~ ' / times', ratio ~ ' * times', alpha) }}
        )) as times_to_call
{%- endmacro %}
