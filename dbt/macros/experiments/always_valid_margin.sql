{#- Half the width of a confidence sequence: in 1 - `alpha` of all experiments the true value lies within it at every look, however many
    there are and whatever one does upon seeing them. Robbins' normal mixture, as the asymptotic confidence sequence of I.
    Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy, A. Ramdas, Time-uniform central limit theory and asymptotic confidence
    sequences (arXiv:2103.06476, theorem 2.2); the same boundary as the mSPRT of R. Johari, L. Pekelis, D. Walsh, Always valid
    inference (arXiv:1512.04922). It was taken because it needs means and variances only, holds for rates and for revenue, and
    gives an interval at every look instead of a plan of looks that would have to be kept to.

    variance   of the estimate, its standard error squared
    ratio      `mixture_ratio` -#}
{% macro always_valid_margin(variance, ratio, alpha) -%}
    sqrt(({{ variance }}) * (1 + 1 / ({{ ratio }})) * (ln(1 + {{ ratio }}) - 2 * ln({{ alpha }})))
{%- endmacro %}
