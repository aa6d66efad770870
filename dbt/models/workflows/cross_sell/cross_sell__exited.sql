{{ config(event_time='exited_at') }}

-- They ordered again, which is the goal, or this order came to nothing.
select * from {{ left_after_order(ref('cross_sell__entered'), ref('orders')) }}
