-- New subscribers of the newsletter.
with subscribed as (
    select
        contact_id,
        'welcome_series' as entry_key,
        changed_at as reached_at,
        changed_at as occurred_at
    from {{ ref('segment_changes') }}
    where
        {{ in_tick('changed_at') }}
        and segment = 'newsletter_subscribers'
        and change = 'entered'
)

select * from {{ entries('subscribed', reentry='once', holdout=0.05) }}
