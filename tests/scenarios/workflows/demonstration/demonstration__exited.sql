{{ config(event_time='exited_at') }}

select * from {{ stopped(ref('demonstration__entered')) }}
