{{ config(materialized='view') }}

-- Every tick that was decided, so that who reads a copy of the marts can tell how old it is.
select
    tick_start,
    tick_end
from {{ source('engine', 'windows') }}
where scope = 'decisions' and succeeded
