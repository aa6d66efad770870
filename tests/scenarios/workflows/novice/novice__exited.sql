{{ config(event_time='exited_at') }}

select * from {{ left_segment(ref('novice__entered'), ref('segment_changes'), 'first_time_buyers') }}
