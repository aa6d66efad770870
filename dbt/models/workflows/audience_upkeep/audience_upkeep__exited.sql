{{ config(event_time='exited_at') }}

-- Only who is stopped by hand stays where they are.
select * from {{ stopped(ref('audience_upkeep__entered')) }}
