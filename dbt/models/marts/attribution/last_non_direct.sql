{{ config(event_time='known_at', access='protected') }}

-- All the credit goes to the last touch before the order of which it is known what brought it; to the last where of none is.
{% set is_direct = 'kind in ' ~ quoted_list(var('attribution_direct')) -%}
{{ all_credit_to(is_direct ~ ', touched_at desc, touch_id desc') }}
