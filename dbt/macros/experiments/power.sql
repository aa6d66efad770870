{#- The chance that two groups show it at 5 %, two-sided, where one does more than the other by so much of what that does as
    `lift_worth_seeing` says; given the mean of the other, and the square of the error that the difference has where they are alike. -#}
{% macro power(base, error) -%}
    {%- set far = "(" ~ var('lift_worth_seeing') ~ " * " ~ base ~ " / nullif(sqrt(" ~ error ~ "), 0))" -%}
    {%- set z = 1.959963984540054 -%}
    (
        case
            when not {{ base }} > 0 then null
            when {{ far }} < {{ z }} then {{ normal_tail(z ~ ' - ' ~ far) }}
            else 1 - {{ normal_tail(far ~ ' - ' ~ z) }}
        end
        + {{ normal_tail(far ~ ' + ' ~ z) }}
    )
{%- endmacro %}
