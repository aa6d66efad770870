{#- The chance of a greater chi-square than this by so many degrees of freedom: Abramowitz and Stegun 26.4.4 (an odd number of
    them) and 26.4.5 (an even one). -#}
{% macro chi_square_tail(statistic, freedom) -%}
    (
        case
            when {{ statistic }} is null or {{ freedom }} < 1 then null
            when {{ freedom }} % 2 = 1
                then
                    2 * {{ normal_tail("sqrt(" ~ statistic ~ ")") }}
                    + 2 * 0.3989422804014327 * exp(-({{ statistic }}) / 2.0) * coalesce(list_sum([
                        pow({{ statistic }}, r - 0.5) * 1.7724538509055159 / (pow(2.0, r) * gamma(r + 0.5))
                        for r in range(1, cast(({{ freedom }} + 1) / 2 as bigint))
                    ]), 0)
            else
                exp(-({{ statistic }}) / 2.0) * (1 + coalesce(list_sum([
                    pow({{ statistic }}, r) / (pow(2.0, r) * gamma(r + 1))
                    for r in range(1, cast({{ freedom }} / 2 as bigint))
                ]), 0))
        end
    )
{%- endmacro %}
