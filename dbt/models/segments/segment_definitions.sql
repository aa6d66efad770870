{{ config(event_time='changed_at', meta={'is_of_project': true}) }}

-- Which definition each segment follows: noted in the first tick that knows of it, in which everybody is looked at anew.
with registered as (
    select *
    from (
        values
        {%- for segment in var('segments') %}
        ('{{ segment }}', {{ segment_definition(segment) }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as segments (segment, definition)
)

{{ registry_changes('registered', key='segment', value='definition') }}
