with forum as (
    select *
    from {{ ref('events') }}
    where event = 'Forum Read'
),

silent as (select * from {{ silence_after('forum', '3 days') }})

select * from {{ entries('silent', reentry='always', holdout=0) }}
