{#- Enrolls contacts: the one way into a workflow.

    qualified  a CTE or relation with one row for each time that a contact qualified: contact_id; entry_key, which tells one
               reason to enter from another (a cart, an order; the workflow's name where there is only one); reached_at, when
               we came to know; occurred_at, when it happened; and whatever else the steps should carry along
    reentry    'once'            a contact enters once, whatever is replayed
               'per key'         once for each entry key
               'always'          each time
               'after 30 days'   again when that long has passed since the last entry
               'after exit'      again when they have left, or are at the end of it. What lets them go counts from the tick after
                                 the one that knows it, because who enters comes first
    limit      with all but the first two rules, at most so many entries of a person in any such period:
               {'times': 3, 'period': '30 days'}. It bounds a loop of workflows that start each other
    holdout    share of contacts who are followed but get nothing, so that the workflow's effect can be measured

    Who qualified before the workflow went live does not enter, unless a backfill lets them in; nor does who qualified too long ago when we learn of it
    (var latest_entry). A contact that another one was merged into has entered where the other did, and keeps the earlier
    assignment.

        select * from {{ entries('left_alone', reentry='per key', holdout=0.05) }}
-#}
{% macro entries(qualified, reentry='once', holdout=0, limit=none) -%}
    {%- set workflow = workflow_name() -%}
    {%- do registered_workflow(workflow) -%}
    {%- do refuse_lost_entries() -%}
    {#- a unit test knows nothing but what it is given -#}
    {%- if not model.tested_node_unique_id -%}
        {%- set backfilled = source('engine', 'backfilled') -%}
    {%- endif -%}
    {%- set rule = 'after' if reentry.startswith('after ') and reentry != 'after exit' else reentry -%}
    {%- if rule not in ['once', 'per key', 'always', 'after', 'after exit'] -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": there is no re-entry rule '" ~ reentry
            ~ "'. Use once, per key, always, after exit, or after a period ('after 30 days')."
        ) -%}
    {%- endif -%}
    {%- set is_once_a_time = rule in ['once', 'per key'] -%}
    {%- if limit is not none and (is_once_a_time or limit.keys() | sort != ['period', 'times'] or limit.times | int < 1) -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ ": a limit is written {'times': 3, 'period': '30 days'}, and goes with always, after exit and after a period."
        ) -%}
    {%- endif -%}
    {%- set key_parts = ["'" ~ workflow ~ "'", 'contact_id', 'entry_key'] + ([] if is_once_a_time else ['reached_at']) -%}
    (
        with live as (
            select
                changed_at as live_since,
                lead(changed_at, 1, timestamp '9999-12-31') over (order by changed_at) as live_until
            from {{ ref('workflow_status_changes') }}
            where workflow = '{{ workflow }}'
            qualify is_live
        ),

        qualifying as (
            select
                {{ stable_hash(key_parts) }} as enrollment_id,
                qualified.*
            from {{ qualified }} as qualified
            inner join live
                on
                    qualified.reached_at >= live.live_since
                    and qualified.reached_at < live.live_until
                    and qualified.occurred_at >= live.live_since
            where
                {{ in_tick('qualified.reached_at') }}
                and qualified.contact_id is not null
                and qualified.occurred_at >= qualified.reached_at - interval '{{ var("latest_entry") }}'
            {%- if backfilled and is_incremental() %}
            union all by name
            {{ let_in_by_backfill(backfilled, 'live', workflow, key_parts) }}
            {%- endif %}
        ),

        due as (
            select *
            from qualifying
            qualify row_number() over (partition by enrollment_id order by reached_at, occurred_at) = 1
        ),

        -- everyone that a contact stands for, and since when
        members as (
            select distinct
                contact_id,
                contact_id as member_id,
                timestamp '0001-01-01' as since
            from due
            union all
            select distinct
                due.contact_id,
                absorbed.contact_id as member_id,
                absorbed.merged_at as since
            from due
            inner join {{ ref('contact_merges') }} as absorbed on due.contact_id = absorbed.into_contact_id
        ),

        known_entries as (
            select
                enrollment_id,
                contact_id,
                entry_key,
                reached_at,
                cast(null as varchar) as assignment
            from due
            {%- if is_incremental() %}
            union all
            select
                entered.enrollment_id,
                entered.contact_id,
                entered.entry_key,
                entered.reached_at,
                entered.assignment
            from {{ this }} as entered
            where
                entered.reached_at < {{ tick_start() }}
                and entered.contact_id in (select member_id from members)
            {%- endif %}
        ),

        -- each entry beside the ones of the same person that came before it
        preceded as (
            select
                due.enrollment_id,
                earlier.contact_id as earlier_contact_id,
                earlier.assignment as earlier_assignment,
                earlier.reached_at as earlier_at,
                earlier.enrollment_id as earlier_enrollment_id,
                earlier.entry_key = due.entry_key as same_key
            from due
            inner join members on due.contact_id = members.contact_id and members.since <= due.reached_at
            inner join known_entries as earlier
                on
                    members.member_id = earlier.contact_id
                    and (
                        earlier.reached_at < due.reached_at
                        or (earlier.reached_at = due.reached_at and earlier.enrollment_id < due.enrollment_id)
                    )
        ),

        {% if rule == 'after exit' -%}
        {{ left_before_tick('preceded') }},

        {% set in_the_way -%}
            preceded.earlier_enrollment_id not in (
                select left_before.enrollment_id
                from left_before
                where left_before.left_at <= due.reached_at
            )
        {%- endset -%}
        {%- elif rule == 'after' -%}
        {%- set in_the_way = "due.reached_at < preceded.earlier_at + interval '" ~ reentry[6:] ~ "'" -%}
        {%- else -%}
        {%- set in_the_way = 'false' -%}
        {%- endif -%}
        {%- if rule in ['after', 'after exit'] or limit is not none -%}
        {{ allowed_in_turn('due', 'preceded', in_the_way, limit) }},
        {%- else -%}
        allowed as (
            select enrollment_id
            from due
            {%- if rule != 'always' %}
            where enrollment_id not in (
                select enrollment_id
                from preceded
                {%- if rule == 'per key' %}
                where same_key
                {%- endif %}
            )
            {%- endif %}
        ),
        {%- endif %}

        first_assignments as (
            select
                enrollment_id,
                {{ first_by('earlier_contact_id', '(earlier_at, earlier_enrollment_id)') }} as contact_id,
                {{ first_by('earlier_assignment', '(earlier_at, earlier_enrollment_id)') }} as assignment
            from preceded
            group by enrollment_id
        )

        select
            due.*,
            coalesce(
                first_assignments.assignment,
                case
                    when
                        {{ salted_share(["'holdout'", "'" ~ workflow ~ "'", 'coalesce(first_assignments.contact_id, due.contact_id)']) }}
                        < {{ holdout }}
                        then 'holdout'
                    else 'treated'
                end
            ) as assignment,
            cast({{ holdout }} as double) as holdout_share,
            {{ definition_version() }} as definition_version,
            {{ tick_end() }} as tick_end
        from due
        inner join allowed on due.enrollment_id = allowed.enrollment_id
        left join first_assignments on due.enrollment_id = first_assignments.enrollment_id
    ) as entries
{%- endmacro %}
