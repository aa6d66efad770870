{#- All that anybody stated about consent. Some signals are statements too, by which somebody withdraws from every topic of
    e-mail. -#}
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
            'email' as channel,
            'all' as topic,
            'withdrawn' as status,
            occurred_at,
            effective_at
        from {{ signals }}
        where signal in ('{{ withdrawing | join("', '") }}')
    )
{%- endmacro %}
