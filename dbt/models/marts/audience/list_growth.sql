{{ config(event_time='as_of') }}

-- How many may be written to and can be, at each midnight, and how many came and went in the day that ends: what list_changes
-- tells one by one, added to how many they were.
with midnights as (
    select * from {{ midnights('as_of') }} as times
),

changed as (
    select
        as_of,
        channel,
        topic,
        {%- for became in ['joined', 'unsubscribed', 'complained', 'bounced', 'erased', 'without address', 'merged'] %}
        count(*) filter (where became = '{{ became }}') as {{ became | replace(' ', '_') }},
        {%- endfor %}
        sum(case became when 'joined' then 1 else -1 end) as won
    from {{ ref('list_changes') }}
    where {{ in_tick('as_of') }}
    group by as_of, channel, topic
),

-- as the midnight before the tick left them
before as (
    {%- if is_incremental() %}
    select
        channel,
        topic,
        members
    from {{ this }}
    where as_of >= {{ tick_start() }} - interval '1 day' and as_of < {{ tick_start() }}
    {%- else %}
    {{ no_rows({'channel': 'varchar', 'topic': 'varchar', 'members': 'bigint'}) }}
    {%- endif %}
),

lists as (
    select
        channel,
        topic,
        max(members) as members
    from (
        select * from before
        union all
        select
            channel,
            topic,
            null as members
        from changed
    ) as known
    group by channel, topic
),

added_up as (
    select
        midnights.as_of,
        lists.channel,
        lists.topic,
        changed.* exclude (as_of, channel, topic),
        lists.members is not null or sum(changed.won) over so_far is not null as is_known,
        coalesce(lists.members, 0) + coalesce(sum(changed.won) over so_far, 0) as members
    from midnights
    cross join lists
    left join changed
        on midnights.as_of = changed.as_of and lists.channel = changed.channel and lists.topic = changed.topic
    window so_far as (partition by lists.channel, lists.topic order by midnights.as_of)
)

select
    as_of,
    cast(as_of - interval '1 day' as date) as day,
    channel,
    topic,
    cast(members - coalesce(won, 0) as bigint) as members_before,
    coalesce(joined, 0) as joined,
    coalesce(unsubscribed + complained, 0) as unsubscribed,
    coalesce(bounced, 0) as bounced,
    coalesce(erased, 0) as erased,
    coalesce(without_address, 0) as without_address,
    coalesce(merged, 0) as merged,
    cast(members as bigint) as members,
    cast(coalesce(won, 0) as double) / nullif(members - coalesce(won, 0), 0) as growth
from added_up
where is_known
