{{ config(event_time='midnight', access='protected') }}

-- The midnights in a tick: marts that are worked out once a day read it, and so have nothing to do in a tick without one.
select unnest(generate_series(
    date_trunc('day', {{ tick_start() }} + interval '1 day' - interval '1 microsecond'),
    {{ tick_end() }} - interval '1 microsecond',
    interval '1 day'
)) as midnight
