-- Who signs up for the newsletter.
with signed_up as (
    select
        contact_id,
        'signup_flow' as entry_key,
        changed_at as reached_at,
        changed_at as occurred_at
    from {{ ref('segment_changes') }}
    where
        {{ in_tick('changed_at') }}
        and segment = 'newsletter_subscribers'
        and change = 'entered'
)

select * from {{ entries('signed_up', reentry='once', holdout=0) }}
