{#- One end of the 95 % interval of a ratio of two means, given the squares of their standard errors: the delta method on the
    logarithm (for shares that is D. Katz et al., Biometrics 34, 1978, pp. 469-474). `sign` is - for the lower end, + for the
    upper. Empty unless both means are above zero. -#}
{% macro ratio_bound(mean, error, base, base_error, sign) -%}
    (
        case when {{ mean }} > 0 and {{ base }} > 0 then
            {{ mean }} / {{ base }} * exp({{ sign }} 1.959963984540054 * sqrt(
                {{ error }} / pow({{ mean }}, 2) + {{ base_error }} / pow({{ base }}, 2)
            ))
        end
    )
{%- endmacro %}
