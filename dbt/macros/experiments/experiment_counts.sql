{#- What each variant of each registered experiment has met with, known before `as_of`: the CTEs to `counted` of `experiment_verdicts`.

    Everybody counts once, by their first arrival, when `within` has passed since: until then their outcome is not complete, and
    looking at half of it would favour whatever answers come soonest. Who turned out to be two people with two variants is left
    out; and who has not what the draw gives them, because it was decided or stopped by then.

    An experiment that is judged by revenue counts what is paid in its one currency.

    since  of experiments that are not over at that time, which look back no further than they last; without it of all -#}
{% macro experiment_counts(as_of, since=none) -%}
{%- set counted = engagement_events() -%}
{%- set currencies = {} -%}
{%- for name in var('experiments') if registered_experiment(name).currency -%}
    {%- do currencies.update({name: registered_experiment(name).currency}) -%}
{%- endfor -%}
{%- if since -%}
    {%- set bounds = [] -%}
    {%- for name in var('experiments') -%}
        {%- do bounds.append(since ~ " - interval '" ~ registered_experiment(name).longest ~ "'") -%}
    {%- endfor -%}
    {%- set earliest = 'least(' ~ bounds | join(', ') ~ ')' if bounds | length > 1 else bounds[0] -%}
{%- endif -%}
settings as (
    {%- for name in var('experiments') %}
    {%- set settings = registered_experiment(name) %}
    {%- for variant in settings.variants %}
    select
        '{{ name }}' as experiment,
        '{{ settings.workflow }}' as workflow,
        '{{ settings.step }}' as step,
        '{{ variant }}' as variant,
        {{ loop.index }} as place,
        '{{ settings.metric }}' as metric,
        {{ "'" ~ settings.currency ~ "'" if settings.currency else 'cast(null as varchar)' }} as currency,
        {{ settings.minimum_sample }} as minimum_sample,
        interval '{{ settings.within }}' as within,
        interval '{{ settings.longest }}' as longest
    {{- ' union all' if not loop.last }}
    {%- endfor %}
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),

ended as (
    select
        experiment,
        min(tick_end) as tick_end
    from {{ source('past', 'experiment_decisions') }}
    where outcome in ('winner', 'no winner') and tick_end < {{ as_of }}
    group by experiment
),

stopped as (
    select distinct
        experiment,
        variant
    from {{ source('past', 'experiment_decisions') }}
    where outcome = 'stopped' and tick_end < {{ as_of }}
),

sent_as as (
    select
        decisions.enrollment_id,
        decisions.workflow,
        decisions.step,
        min(decisions.variant) as variant
    from {{ ref('decisions') }} as decisions
    where
        decisions.variant is not null
        and decisions.tick_end <= {{ as_of }}
        {%- if since %}
        and decisions.tick_end >= {{ earliest }}
        {%- endif %}
    group by decisions.enrollment_id, decisions.workflow, decisions.step
),

arrived as (
    select
        experiments.experiment,
        arrivals.enrollment_id,
        arrivals.contact_id as drawn_contact_id,
        arrivals.reached_at,
        arrivals.tick_end,
        experiments.within,
        coalesce(sent_as.variant, arrivals.branch) as variant,
        case experiments.experiment
            {%- for name in var('experiments') %}
            when '{{ name }}' then {{ split(registered_experiment(name).variants, salt=name, contact='arrivals.contact_id') }}
            {%- endfor %}
        end as drawn
    from {{ ref('arrivals') }} as arrivals
    inner join (select distinct experiment, workflow, step, within from settings) as experiments
        on arrivals.workflow = experiments.workflow and arrivals.step = experiments.step
    left join sent_as
        on
            arrivals.enrollment_id = sent_as.enrollment_id
            and arrivals.workflow = sent_as.workflow
            and arrivals.step = sent_as.step
    where
        arrivals.assignment = 'treated'
        and arrivals.tick_end <= {{ as_of }}
        {%- if since %}
        and arrivals.reached_at >= {{ earliest }}
        {%- endif %}
),

by_person as (
    select
        arrived.*,
        coalesce(surviving.into_contact_id, arrived.drawn_contact_id) as contact_id,
        min(arrived.variant) over person <> max(arrived.variant) over person as is_mixed,
        row_number() over (
            partition by arrived.experiment, coalesce(surviving.into_contact_id, arrived.drawn_contact_id)
            order by arrived.reached_at, arrived.enrollment_id
        ) as entry
    from arrived
    left join ended on arrived.experiment = ended.experiment
    left join {{ surviving_contacts(before=as_of) }} as surviving on arrived.drawn_contact_id = surviving.contact_id
    where arrived.variant = arrived.drawn and (ended.tick_end is null or arrived.tick_end <= ended.tick_end)
    window person as (partition by arrived.experiment, coalesce(surviving.into_contact_id, arrived.drawn_contact_id))
),

people as (
    select *
    from by_person
    where not is_mixed and entry = 1
),

complete as (
    select *
    from people
    where reached_at + within <= {{ as_of }}
),

{% if currencies -%}
paid_in as (
    select
        order_id,
        {{ first_by('currency', 'effective_at') }} as currency
    from {{ ref('orders') }}
    where
        status = 'placed'
        {%- if since %}
        and effective_at >= {{ earliest }}
        {%- endif %}
        and effective_at < {{ as_of }}
    group by order_id
),

{% endif -%}
goals as (
    select
        complete.experiment,
        complete.enrollment_id,
        count(*) as conversions,
        {% if currencies -%}
        cast(sum(case
            when paid_in.currency = case complete.experiment
                {%- for name, currency in currencies.items() %}
                when '{{ name }}' then '{{ currency }}'
                {%- endfor %}
            end then coalesce(exits.revenue, 0)
            else 0
        end) as double) as revenue
        {%- else -%}
        cast(0 as double) as revenue
        {%- endif %}
    from complete
    inner join {{ ref('exits') }} as exits
        on
            complete.enrollment_id = exits.enrollment_id
            and complete.reached_at <= exits.exited_at
            and complete.reached_at + complete.within > exits.exited_at
    {%- if currencies %}
    left join paid_in on exits.conversion_id = paid_in.order_id
    {%- endif %}
    where
        exits.reason = 'converted'
        {%- if since %}
        and exits.exited_at >= {{ earliest }}
        {%- endif %}
    group by complete.experiment, complete.enrollment_id
),

messages as (
    select distinct
        complete.experiment,
        complete.enrollment_id,
        complete.reached_at,
        complete.within,
        decisions.action_id
    from complete
    inner join {{ ref('decisions') }} as decisions
        on complete.enrollment_id = decisions.enrollment_id and complete.tick_end <= decisions.tick_end
    where
        decisions.outcome = 'send'
        and decisions.kind = 'send'
        {%- if since %}
        and decisions.tick_end >= {{ earliest }}
        {%- endif %}
),

reports as (
    select
        {{ action_of_event('properties') }} as action_id,
        {{ engagement_kind('event', 'properties') }} as kind,
        effective_at
    from {{ ref('events') }}
    where
        effective_at >= {{ earliest if since else '(select min(reached_at) from complete)' }}
        and effective_at < {{ as_of }}
        -- by their names first: of nothing else the JSON has to be read
        and event in {{ quoted_list(counted.clicked + counted.unsubscribed + counted.complained) }}
),

answers as (
    select
        messages.experiment,
        messages.enrollment_id,
        max(case when reports.kind = 'clicked' then 1 else 0 end) as clicked,
        max(case when reports.kind = 'unsubscribed' then 1 else 0 end) as unsubscribed,
        max(case when reports.kind = 'complained' then 1 else 0 end) as complained
    from reports
    inner join messages on reports.action_id = messages.action_id
    where messages.reached_at + messages.within > reports.effective_at
    group by messages.experiment, messages.enrollment_id
),

outcomes as (
    select
        complete.experiment,
        complete.variant,
        complete.contact_id,
        complete.enrollment_id,
        complete.reached_at,
        case settings.metric
            when 'converted' then case when goals.conversions > 0 then 1.0 else 0.0 end
            when 'clicked' then cast(coalesce(answers.clicked, 0) as double)
            else coalesce(goals.revenue, 0)
        end as outcome,
        coalesce(goals.revenue, 0) as revenue,
        case when goals.conversions > 0 then 1 else 0 end as converted,
        coalesce(answers.unsubscribed, 0) as unsubscribed,
        coalesce(answers.complained, 0) as complained
    from complete
    inner join settings on complete.experiment = settings.experiment and complete.variant = settings.variant
    left join goals on complete.experiment = goals.experiment and complete.enrollment_id = goals.enrollment_id
    left join answers on complete.experiment = answers.experiment and complete.enrollment_id = answers.enrollment_id
),

began as (
    select
        experiment,
        min(reached_at) as began_at
    from people
    group by experiment
),

counted as (
    select
        settings.experiment,
        settings.workflow,
        settings.step,
        settings.variant,
        settings.place,
        settings.minimum_sample,
        settings.metric,
        settings.currency,
        settings.metric <> 'revenue' as is_rate,
        {{ as_of }} >= began.began_at + settings.longest as is_over,
        stopped.variant is not null as was_stopped,
        count(outcomes.variant) as contacts,
        cast(coalesce(sum(outcomes.outcome), 0) as double) as total,
        cast(coalesce(sum(outcomes.outcome * outcomes.outcome), 0) as double) as squares,
        cast(coalesce(sum(outcomes.converted), 0) as bigint) as conversions,
        case when settings.currency is not null then cast(coalesce(sum(outcomes.revenue), 0) as double) end as revenue,
        cast(coalesce(sum(outcomes.unsubscribed), 0) as bigint) as unsubscribed,
        cast(coalesce(sum(outcomes.complained), 0) as bigint) as complained
    from settings
    left join outcomes on settings.experiment = outcomes.experiment and settings.variant = outcomes.variant
    left join began on settings.experiment = began.experiment
    left join stopped on settings.experiment = stopped.experiment and settings.variant = stopped.variant
    group by
        settings.experiment, settings.workflow, settings.step, settings.variant, settings.place, settings.minimum_sample,
        settings.metric, settings.currency, settings.longest, began.began_at, stopped.variant
)
{%- endmacro %}
