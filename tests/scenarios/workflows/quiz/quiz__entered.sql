with asked as (
    select *
    from {{ event_happened('Quiz Done', key='key', carry={'points': "try_cast(properties ->> '$.points' as integer)"}) }}
)

select * from {{ entries('asked', reentry='per key', holdout=0) }}
