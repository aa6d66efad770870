{{ config(event_time='exited_at') }}

select left_segment.*
from {{ left_segment(ref('parting__entered'), ref('segment_changes'), 'repeat_buyers') }}
