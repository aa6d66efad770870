{#- The CTE `balance`: by the columns `by`, since when people were drawn, how many were drawn both ways and are left out, how many
    should have been held out by the shares that were logged when people were drawn, and how likely so uneven a division is by chance.

    everybody  a CTE with one row per person: assignment, is_mixed, holdout_share, assigned_at; and the columns `by` -#}
{% macro balance_of(everybody, by) -%}
balance as (
    select
        *,
        {{ sample_ratio_p('held_out_of_logged', 'should_be_held_out', 'shares_logged') }} as ratio_p
    from (
        select
            {{ by | join(',\n            ') }}{{ ',' if by }}
            min(assigned_at) as drawn_since,
            count(*) filter (is_mixed) as mixed,
            count(holdout_share) filter (not is_mixed) as shares_logged,
            count(*) filter (not is_mixed and holdout_share is not null and assignment = 'holdout') as held_out_of_logged,
            sum(holdout_share) filter (not is_mixed) as should_be_held_out
        from {{ everybody }}
        {%- if by %}
        group by {{ by | join(', ') }}
        {%- endif %}
    ) as divided
)
{%- endmacro %}
