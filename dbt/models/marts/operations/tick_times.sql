{{ config(materialized='view') }}

-- How long ticks took, from their beginning until what they decided could leave.
select
    tick_end,
    begun_at,
    finished_at,
    date_diff('millisecond', begun_at, finished_at) / 1000.0 as seconds
from {{ source('engine', 'tick_times') }}
