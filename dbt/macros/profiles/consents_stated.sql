{#- All that anybody stated about consent. Some signals are statements too, by which somebody withdraws from every topic of
    e-mail, and from being shown ads for the address: whoever wants no mail any more does not want to be followed elsewhere. -#}
{% macro consents_stated(consents, signals, withdrawing) -%}
    (
        select
            contact_id,
            channel,
            topic,
            status,
            occurred_at,
            effective_at
        from {{ consents }}

        union all

        select
            contact_id,
            unnest(['email', 'audience']) as channel,
            'all' as topic,
            'withdrawn' as status,
            occurred_at,
            effective_at
        from {{ signals }}
        where signal in ('{{ withdrawing | join("', '") }}')
    )
{%- endmacro %}
