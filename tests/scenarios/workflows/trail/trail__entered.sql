with seen as (
    select *
    from {{ ref('events') }}
    where event = 'Trail Seen'
),

asked as (
    select *
    from {{ ref('events') }}
    where event = 'Price Asked'
),

in_a_row as (select * from {{ events_in_a_row(['seen', 'asked'], within='2 days') }})

select * from {{ entries('in_a_row', reentry='always', holdout=0) }}
