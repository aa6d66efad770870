{#- The CTE `weighted`: each group of people that was divided by a share of its own, with what it weighs among those with the same `by`: its
    part of the people. Who was drawn by another share came at another time, so that sides of several groups are not alike; each
    group is compared within itself. One without anybody on a side compares nothing, and weighs nothing.

    strata  a CTE with one row per group: the columns `by`; holdout_share; treated and held_out, how many they are -#}
{% macro strata_weights(strata, by) -%}
{%- set compared = 'case when treated > 0 and held_out > 0 then treated + held_out end' -%}
weighted as (
    select
        *,
        {{ compared }} / sum({{ compared }}) over (partition by {{ by | join(', ') }}) as weight
    from {{ strata }}
)
{%- endmacro %}
