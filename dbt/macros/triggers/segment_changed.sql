{#- A trigger: contacts join a segment, or leave it. Whom a new definition of the segment takes in or puts out does not count:
    nothing has become true of them.

    segment  a model in models/segments
    change   'entered' or 'left'

        with lapsed as (select * from {{ segment_changed('lapsed_customers') }})
        select * from {{ entries('lapsed', reentry='after 180 days') }}
-#}
{% macro segment_changed(segment, change='entered') -%}
    {%- if segment not in var('segments') -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": there is no segment '" ~ segment ~ "'. Known ones: " ~ var('segments') | join(', ') ~ "."
        ) -%}
    {%- endif -%}
    {%- if change not in ['entered', 'left'] -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": a segment cannot be '" ~ change ~ "'. Say entered or left."
        ) -%}
    {%- endif -%}
    (
        select
            contact_id,
            '{{ segment }}' as entry_key,
            changed_at as reached_at,
            changed_at as occurred_at
        from {{ ref('segment_changes') }}
        where
            {{ in_tick('changed_at') }}
            and segment = '{{ segment }}'
            and change = '{{ change }}'
    )
{%- endmacro %}
