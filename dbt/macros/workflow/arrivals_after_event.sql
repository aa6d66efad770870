{#- Who reaches this step because something that they waited for has happened, or because it has not in time.

    previous   the step before, as ref()
    events     a CTE or relation with contact_id, occurred_at and effective_at: what is waited for
    timeout    how long at most: '7 days'
    lookback   whoever did it so long before they came here, and was known to have by then, goes on at once: '7 days'
    carry      columns of those events that come along: what was answered, say; null for those who came by the deadline
    branch, exits  as in arrivals()

    The first event counts that happened after the previous step was reached and was known before the deadline; later ones
    change nothing. Adds the column awaited_at: when the event happened, null for those who came by the deadline.

        select arrivals.*, case when awaited_at is null then 'silent' else 'came back' end as branch
        from {{ arrivals_after_event(ref('reengagement__offer'), 'visits', timeout='7 days', exits=ref('reengagement__exited')) }}
-#}
{% macro arrivals_after_event(previous, events, timeout, branch=none, exits=none, carry=[], lookback='0 days') -%}
    {%- if not model.tested_node_unique_id -%}
        {%- set deadline = "previous.reached_at + interval '" ~ timeout ~ "'" -%}
        {%- set without_event = columns_except('previous', ['awaited_at'] + carry) ~ ", cast(null as timestamp) as awaited_at" -%}
        {%- set late = overdue(previous, deadline, branch, columns=without_event) -%}
    {%- endif -%}
    (
        with waiting as (
            select {{ columns_except('previous', ['awaited_at'] + carry) }}
            from {{ previous }} as previous
            where
                previous.assignment = 'treated'
                and previous.reached_at >= {{ tick_start() }} - interval '{{ timeout }}'
                and previous.reached_at < {{ tick_end() }}
                {%- if branch %}
                and previous.branch = '{{ branch }}'
                {%- endif %}
                {%- if follows_changes() %}
                and {{ had_not_finished(previous) }}
                {%- endif %}
        ),

        stands_for as (
            {{ contacts_over_time('waiting') }}
        ),

        happened as (
            select
                waiting.enrollment_id,
                waiting.reached_at,
                greatest(min(events.effective_at), waiting.reached_at) as known_at,
                {%- for column in carry %}
                -- packed, because an aggregate looks past what is null, to what is known later
                {{ first_by('struct_pack(carried := events.' ~ column ~ ')', '(events.effective_at, events.occurred_at)') }}.carried as {{ column }},
                {%- endfor %}
                {{ first_by('events.occurred_at', '(events.effective_at, events.occurred_at)') }} as awaited_at
            from waiting
            inner join stands_for on waiting.contact_id = stands_for.member_id
            inner join {{ events }} as events
                on
                    stands_for.contact_id = events.contact_id
                    and stands_for.since <= events.effective_at
                    and waiting.reached_at - interval '{{ lookback }}' < events.occurred_at
                    and waiting.reached_at + interval '{{ timeout }}' > events.effective_at
            where
                events.effective_at >= {{ tick_start() }} - interval '{{ timeout }}' - interval '{{ lookback }}'
                and events.effective_at < {{ tick_end() }}
            group by waiting.enrollment_id, waiting.reached_at
        ),

        leaving as (
            select
                waiting.*,
                happened.awaited_at,
                {%- for column in carry %}
                happened.{{ column }},
                {%- endfor %}
                coalesce(happened.known_at, waiting.reached_at + interval '{{ timeout }}') as arrives_at
            from waiting
            left join happened
                on waiting.enrollment_id = happened.enrollment_id and waiting.reached_at = happened.reached_at
            {%- if follows_changes() %}

            union all by name

            {{ late }}
            {%- endif %}
        )

        {{ arriving('leaving', 'arrives_at', exits) }}
    ) as arrivals
{%- endmacro %}
