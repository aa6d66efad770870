-- What did they answer, within two weeks? From 0 to 10.
with answers as (
    select
        contact_id,
        try_cast(properties ->> '$.score' as integer) as score,
        occurred_at,
        effective_at
    from {{ ref('events') }}
    where event = 'Survey Answered'
)

select
    arrivals.*,
    {{ branch({
        'silent': 'awaited_at is null',
        'promoter': 'score between 9 and 10',
        'passive': 'score between 7 and 8',
        'detractor': 'score between 0 and 6',
    }, otherwise='unclear') }},
    {{ set_property('nps_score', 'score', when='score between 0 and 10') }}
from {{ arrivals_after_event(
    ref('feedback__survey'), 'answers', timeout='14 days', carry=['score'], exits=ref('feedback__exited')
) }}
