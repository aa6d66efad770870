{#- Who reaches this step in this tick: everyone whose wait after the previous step ends now and who has not left.

    previous   the step before, as ref()
    wait       how long after it: '23 hours'
    until      wait for a time that was carried along: a column of the step before (UTC); whoever lies behind it arrives at
               once, and whoever would wait longer than the workflow's longest path never does. With wait, so long after
               that time; '-3 days' is three days ahead of it
    local_time do not arrive before this time of day in the contact's own zone (column timezone): '10:00'; or 'best hour', the
               hour of the day in the column best_hour, and where that is null in var best_hour
    local_window  do not arrive outside of these hours there: ['09:00', '17:00'], or ['20:00', '02:00'] over midnight,
               ['10:00', '24:00'] from then to the end of the day
    weekdays   with local_time or local_window, only on these days: 1 is Monday, 7 Sunday
    branch     only those who left the previous step this way
    exits      the workflow's exits, as ref(): who left by then does not arrive
    finished_since  of a step that is new, at the end of a workflow that is live: it reaches those too who came to the previous step
               from that day on and had finished there, in its first tick, as far back as the workflow's longest path: '2026-03-01'

    Context carried from the entry comes along; where the previous step went and what it did does not.

        select arrivals.* from {{ arrivals(ref('welcome_series__hello'), wait='2 days', exits=ref('welcome_series__exited')) }}
-#}
{% macro arrivals(
    previous, wait='0 hours', until=none, local_time=none, local_window=none, weekdays=none, branch=none, exits=none,
    finished_since=none
) -%}
    {%- if local_time and local_window -%}
        {%- do exceptions.raise_compiler_error(model.name ~ ": give local_time or local_window, not both.") -%}
    {%- endif -%}
    {%- if until -%}
        {%- set after_wait -%}
            greatest(previous.reached_at, coalesce(previous.{{ until }} + interval '{{ wait }}', previous.reached_at))
        {%- endset -%}
    {%- else -%}
        {%- set after_wait = "previous.reached_at + interval '" ~ wait ~ "'" -%}
    {%- endif -%}
    {%- if local_time == 'best hour' -%}
        {%- set best_hour = "to_hours(cast(coalesce(previous.best_hour, " ~ var('best_hour') ~ ") as integer))" -%}
        {%- set due_at = next_local_time(after_wait, 'previous.timezone', best_hour, weekdays) -%}
    {%- elif local_time -%}
        {%- set due_at = next_local_time(after_wait, 'previous.timezone', local_time, weekdays) -%}
    {%- elif local_window -%}
        {%- set due_at = within_local_window(after_wait, 'previous.timezone', local_window, weekdays) -%}
    {%- else -%}
        {%- set due_at = after_wait -%}
    {%- endif -%}
    {%- if not model.tested_node_unique_id -%}
        {%- set late = overdue(previous, due_at, branch, finished_since=finished_since) -%}
    {%- endif -%}
    (
        with leaving as (
            select
                previous.*,
                {{ due_at }} as arrives_at
            from {{ previous }} as previous
            where
                previous.assignment = 'treated'
                {%- if until %}
                {%- set longest_path = registered_workflow(workflow_name())['longest_path'] %}
                -- nobody waits longer than the longest path, asked of each row: a longer tick looks back further
                and {{ after_wait }} < previous.reached_at + interval '{{ longest_path }}'
                and previous.reached_at >= {{ tick_start() }} - interval '{{ longest_path }}' - interval '8 days'
                and previous.reached_at < {{ tick_end() }}
                {%- elif local_time or local_window %}
                and previous.reached_at >= {{ tick_start() }} - interval '{{ wait }}'
                    - interval '{{ longest_local_wait(weekdays) }} days'
                and previous.reached_at < {{ tick_end() }} - interval '{{ wait }}'
                {%- else %}
                and {{ in_tick('previous.reached_at', after=wait) }}
                {%- endif %}
                {%- if branch %}
                and previous.branch = '{{ branch }}'
                {%- endif %}
                {%- if late and (follows_changes() or finished_since) %}
                and {{ had_not_finished(previous, finished_since) }}
                {%- endif %}
            {%- if follows_changes() or (finished_since and late) %}

            union all

            {{ late }}
            {%- endif %}
        )

        {{ arriving('leaving', 'arrives_at', exits) }}
    ) as arrivals
{%- endmacro %}
