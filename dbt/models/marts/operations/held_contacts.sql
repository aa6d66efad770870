{{ config(materialized='view') }}

-- Whose messages the gate out held, and what became of them: the rows behind held_messages.
with {{ held_actions(since=var('listed_history')) }}

select
    cast(tick_end - interval '1 microsecond' as date) as day,
    tick_end,
    workflow,
    step,
    channel,
    became,
    fate,
    contact_id,
    action_id
from held_actions
