{{ config(event_time='known_at', access='protected') }}

-- All the credit goes to the last touch before the order.
{{ all_credit_to('touched_at desc, touch_id desc') }}
