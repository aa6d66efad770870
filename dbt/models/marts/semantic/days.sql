{{ config(materialized='view', access='protected') }}

-- Written out, so that metrics by day have a row for days on which nothing was, and no clock is asked.
select cast(day as date) as day
from unnest(generate_series(timestamp '2000-01-01', timestamp '2059-12-31', interval 1 day)) as days (day)
