{#- Exits of those of whom something happens while they are in the workflow. `reasons` says why they leave, by event; 'converted'
    is the goal. With `same`, only if a property of the event is what a column of the entry has: {'entry_key': 'event_id'}.

        select * from {{ left_by_event(ref('feedback__entered'), ref('events'), {'Ticket Opened': 'asks for help'}) }}
-#}
{% macro left_by_event(entered, events, reasons, same={}) -%}
    (
        select distinct
            entered.enrollment_id,
            happened.effective_at as exited_at,
            case happened.event
                {%- for event, reason in reasons.items() %}
                when '{{ event }}' then '{{ reason }}'
                {%- endfor %}
            end as reason,
            {%- set goals = [] %}
            {%- for event in reasons if reasons[event] == 'converted' %}{% do goals.append(event) %}{% endfor %}
            case when happened.event in ('{{ goals | join("', '") }}') then happened.message_id end as conversion_id,
            cast(null as decimal(18, 2)) as revenue
        from {{ in_progress(entered) }} as entered
        inner join {{ events }} as happened
            on
                entered.contact_id = happened.contact_id
                and entered.reached_at <= happened.effective_at
                and entered.stays_until > happened.effective_at
                {%- for column, property in same.items() %}
                and entered.{{ column }} = (happened.properties ->> '$.{{ property }}')
                {%- endfor %}
        where
            {{ in_tick('happened.effective_at') }}
            and happened.event in ('{{ reasons.keys() | join("', '") }}')
    ) as left_by_event
{%- endmacro %}
