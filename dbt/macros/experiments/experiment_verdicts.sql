{#- The CTEs from `counted` to `verdicts`, `judged` and `compared`: which variant has won as things stand, which may not go on.

    counted  a CTE with one row per variant: the columns `by`; variant; place, its number in the written order; contacts; total and
             squares of the outcome; unsubscribed, complained; is_rate, whether the outcome is yes or no; minimum_sample of each variant;
             was_stopped, whether it was decided before that it may not go on

    Each pair of variants is compared by a confidence sequence. All pairs share the 5 % evenly (Bonferroni), so that with
    any number of variants at most one experiment in twenty without a difference ever sees a winner. The guard-rails
    have 5 % of their own, shared by their pairs in the same way. What was stopped stays so, whatever is known since. -#}
{% macro experiment_verdicts(counted, by) -%}
{%- set named = by | join(', ') -%}
{%- set alpha = '0.05' -%}
means as (
    select
        *,
        {{ alpha }} / greatest(count(*) over (partition by {{ named }}) * (count(*) over (partition by {{ named }}) - 1) / 2, 1) as alpha,
        total / nullif(contacts, 0) as mean,
        case
            when is_rate then {{ rate_variance('total', 'contacts') }}
            else greatest(squares - total * total / nullif(contacts, 0), 0) / nullif(contacts - 1, 0)
        end / nullif(contacts, 0) as error,
        {%- for guard in ['unsubscribed', 'complained'] %}
        {{ guard }} / cast(nullif(contacts, 0) as double) as {{ guard }}_rate,
        {{ rate_variance(guard, 'contacts') }} / nullif(contacts, 0) as {{ guard }}_error
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ counted }}
),

pairs as (
    select
        {%- for column in by %}
        one.{{ column }},
        {%- endfor %}
        one.variant,
        other.variant as other_variant,
        other.place as other_place,
        least(one.contacts, other.contacts) >= one.minimum_sample as is_sampled,
        one.alpha,
        one.was_stopped,
        one.mean - other.mean as difference,
        one.error + other.error as variance,
        {{ mixture_ratio('(one.contacts + other.contacts)', '(4.0 * one.minimum_sample)', 'one.alpha') }} as ratio,
        {%- for guard in ['unsubscribed', 'complained'] %}
        one.{{ guard }}_rate - other.{{ guard }}_rate as {{ guard }}_difference,
        one.{{ guard }}_error + other.{{ guard }}_error as {{ guard }}_variance
        {{- ',' if not loop.last }}
        {%- endfor %}
    from means as one
    inner join means as other on
        {%- for column in by %}
        one.{{ column }} = other.{{ column }} and
        {%- endfor %}
        one.variant <> other.variant
),

compared as (
    select
        *,
        {{ always_valid_margin('variance', 'ratio', 'alpha') }} as margin,
        {{ always_valid_p('difference', 'variance', 'ratio') }} as p,
        {%- for guard in ['unsubscribed', 'complained'] %}
        coalesce(
            is_sampled
            and {{ guard }}_difference > {{ always_valid_margin(guard ~ '_variance', 'ratio', 'alpha / 2') }},
            false
        ) as is_{{ guard }}_worse
        {{- ',' if not loop.last }}
        {%- endfor %}
    from pairs
),

vetoed as (
    select
        {{ named }},
        variant,
        bool_or(was_stopped or is_unsubscribed_worse or is_complained_worse) as is_vetoed
    from compared
    group by {{ named }}, variant
),

beaten as (
    select
        compared.{{ by | join(', compared.') }},
        compared.variant,
        bool_and(coalesce(others.is_vetoed or (compared.is_sampled and compared.difference > compared.margin), false)) as beats_all
    from compared
    inner join vetoed as others on
        {%- for column in by %}
        compared.{{ column }} = others.{{ column }} and
        {%- endfor %}
        compared.other_variant = others.variant
    group by compared.{{ by | join(', compared.') }}, compared.variant
),

judged as (
    select
        means.*,
        vetoed.is_vetoed,
        beaten.beats_all and not vetoed.is_vetoed as has_won
    from means
    inner join vetoed using ({{ named }}, variant)
    inner join beaten using ({{ named }}, variant)
),

verdicts as (
    select
        {{ named }},
        min(variant) filter (has_won) as winner,
        {{ first_by('variant', 'place') }} filter (not is_vetoed) as first_left
    from judged
    group by {{ named }}
)
{%- endmacro %}
