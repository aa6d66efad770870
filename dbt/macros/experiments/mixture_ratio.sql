{#- How much of the variance of an estimate the normal mixture takes for effect: rho^2 times the people seen. rho is tuned so that the
    sequence is narrowest about when `tuned_to` people have been seen: rho^2 = (-2 ln alpha + ln(-2 ln alpha) + 1) / tuned_to
    (Waudby-Smith et al. 2021, appendix on tuning; Howard et al., Annals of Statistics 49, 2021, section 3.5). -#}
{% macro mixture_ratio(people, tuned_to, alpha) -%}
    ({{ people }} * (1 - 2 * ln({{ alpha }}) + ln(-2 * ln({{ alpha }}))) / {{ tuned_to }})
{%- endmacro %}
