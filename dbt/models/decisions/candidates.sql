-- Everything that is due in this tick: what steps propose, and what earlier ticks put off until now.
with proposed as (
    {%- for step in all_steps() %}
    select
        '{{ step.workflow }}' as workflow,
        '{{ step.step }}' as step,
        {{ columns_among(ref(step.name), ['enrollment_id', 'contact_id', 'reached_at', 'action']) }},
        {{ context_of('steps') }} as context
    from {{ ref(step.name) }} as steps
    where tick_end = {{ tick_end() }}
    {{- '\n    union all by name' if not loop.last }}
    {%- endfor %}
),

new_actions as (
    select
        {{ stable_hash(['enrollment_id', 'workflow', 'step']) }} as action_id,
        workflow,
        step,
        enrollment_id,
        contact_id,
        action.kind,
        action.template,
        action.variant,
        action.topic,
        action.channels,
        action.if_held,
        coalesce(action.details, context) as context,
        reached_at,
        reached_at as due_at,
        action.expires_at,
        0 as times_deferred
    from proposed
    where
        action is not null
        and workflow not in ({{ workflows_that_broke() }})
),

-- a workflow that runs over a wider window proposes again what earlier ticks have decided
decided_before as (
    select distinct action_id
    from {{ source('past', 'decisions') }}
    where
        tick_end > {{ tick_start() }} - interval '{{ var("longest_deferral") }}'
        and tick_end <= {{ tick_start() }}
        and action_id in (select action_id from new_actions)
),

put_off_until_now as (
    select
        action_id,
        workflow,
        step,
        enrollment_id,
        contact_id,
        kind,
        template,
        variant,
        topic,
        channels,
        if_held,
        context,
        reached_at,
        held_until as due_at,
        expires_at,
        times_deferred + 1 as times_deferred
    from {{ source('past', 'decisions') }}
    where
        tick_end > {{ tick_start() }} - interval '{{ var("longest_deferral") }}'
        and tick_end <= {{ tick_start() }}
        and outcome = 'deferred'
        and {{ in_tick('held_until') }}
),

due as (
    select new_actions.*
    from new_actions
    left join decided_before on new_actions.action_id = decided_before.action_id
    where decided_before.action_id is null
    union all
    select * from put_off_until_now
),

registry as (
    select *
    from (
        values
        {%- for workflow, settings in var('workflows') | dictsort %}
        ('{{ workflow }}', {{ settings.priority }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as workflows (workflow, priority)
)

select
    due.*,
    -- what no topic vouches for is held to the stricter rules
    coalesce(topics.kind, 'promotional') as topic_kind,
    coalesce(registry.priority, 1000) as priority,
    case
        when registry.workflow is null then 'retired'
        when due.workflow in ({{ workflows_that_broke() }}) then 'broken'
        else 'running'
    end as workflow_state,
    {{ tick_end() }} as tick_end
-- a merge at the very end of the tick belongs to the next
from {{ with_surviving_contacts('due', tick_end() ~ " - interval '1 microsecond'") }} as due
left join registry on due.workflow = registry.workflow
left join {{ ref('topics') }} as topics on due.topic = topics.topic
