{#- The variant of an experiment that each arrival gets, drawn by a salted hash of the contact as split() does; from the tick after
    the decision on, everybody new gets the winner (or the first variant, where there was none), and nobody a variant that was
    stopped. What vars.experiments says under this name counts.

        select arrivals.*, {{ send(template='welcome_hello', …, variant=experiment('welcome subject')) }}
        select arrivals.*, {{ experiment('hour of the reminder') }} as branch   -- one step a variant follows

    Decisions of earlier ticks are a source: a step back in time is no dependency within the tick. -#}
{% macro experiment(name, contact='contact_id') -%}
    {%- set variants = registered_experiment(name).variants -%}
    {%- set drawn = split(variants, salt=name, contact=contact) -%}
    {%- set decided -%}
        from {{ source('past', 'experiment_decisions') }} as past where past.experiment = '{{ name }}' and past.tick_end <= {{ tick_start() }}
    {%- endset -%}
    {%- set stopped = "(select list(past.variant) " ~ decided ~ " and past.outcome = 'stopped')" -%}
    coalesce(
        (select max(past.variant) {{ decided }} and past.outcome in ('winner', 'no winner')),
        case when not coalesce(list_contains({{ stopped }}, {{ drawn }}), false) then {{ drawn }} end,
        {%- for variant in variants %}
        case when not coalesce(list_contains({{ stopped }}, '{{ variant }}'), false) then '{{ variant }}' end,
        {%- endfor %}
        '{{ variants | first }}'
    )
{%- endmacro %}
