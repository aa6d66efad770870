-- An action leaves once, however often its tick or its step has run.
select
    action_id,
    count(*) as sends
from {{ ref('decisions') }}
where outcome = 'send'
group by action_id
having count(*) > 1
