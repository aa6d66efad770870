{{ config(event_time='changed_at', group='engine', meta={'is_of_project': true}) }}

-- A workflow that is registered as live goes live with the first tick that knows it: nobody from before enters.
with registered as (
    select *
    from (
        values
        {%- for workflow, settings in var('workflows').items() %}
        ('{{ workflow }}', {{ settings.status == 'live' }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as workflows (workflow, is_live)
)

{{ registry_changes('registered', key='workflow', value='is_live') }}
