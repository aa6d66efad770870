{{ config(event_time='exited_at') }}

select * from {{ stopped(ref('encore__entered')) }}
