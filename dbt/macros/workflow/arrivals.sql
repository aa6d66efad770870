{#- Who reaches this step in this tick: everyone whose wait after the previous step ends now and who has not left.

    previous   the step before, as ref()
    wait       how long after it: '23 hours'
    local_time do not arrive before this time of day in the contact's own zone (column timezone): '10:00'
    weekdays   with local_time, only on these days: 1 is Monday, 7 Sunday
    branch     only those who left the previous step this way
    exits      the workflow's exits, as ref(): who left by then does not arrive

    Context carried from the entry comes along; where the previous step went and what it did does not.

        select arrivals.* from {{ arrivals(ref('welcome_series__hello'), wait='2 days', exits=ref('welcome_series__exited')) }}
-#}
{% macro arrivals(previous, wait='0 hours', local_time=none, weekdays=none, branch=none, exits=none) -%}
    {%- set after_wait = "previous.reached_at + interval '" ~ wait ~ "'" -%}
    {%- if local_time -%}
        {%- set due_at = next_local_time(after_wait, 'previous.timezone', local_time, weekdays) -%}
    {%- else -%}
        {%- set due_at = after_wait -%}
    {%- endif -%}
    (
        with leaving as (
            select
                previous.*,
                {{ due_at }} as arrives_at
            from {{ previous }} as previous
            where
                previous.assignment = 'treated'
                {%- if local_time %}
                -- the next such hour is at most a week and a day away, daylight saving included
                and previous.reached_at >= {{ tick_start() }} - interval '{{ wait }}' - interval '8 days'
                and previous.reached_at < {{ tick_end() }} - interval '{{ wait }}'
                {%- else %}
                and {{ in_tick('previous.reached_at', after=wait) }}
                {%- endif %}
                {%- if branch %}
                and previous.branch = '{{ branch }}'
                {%- endif %}
        )

        {{ arriving('leaving', 'arrives_at', exits) }}
    ) as arrivals
{%- endmacro %}
