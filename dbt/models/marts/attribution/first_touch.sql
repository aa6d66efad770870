{{ config(event_time='known_at', access='protected') }}

-- All the credit goes to the first touch before the order that lies within the attribution window.
{{ all_credit_to('touched_at, touch_id') }}
