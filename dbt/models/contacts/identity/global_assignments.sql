{{ config(event_time='tick_end', incremental_strategy='append') }}

-- Who gets no marketing at all, so that its whole effect can be measured: drawn once, in the tick in which a contact is first
-- known, by the share of then. What was drawn stays, whatever the share becomes.
with known as (
    select contact_id
    from {{ ref('identity_map') }}
    {%- if is_incremental() %}
    where {{ in_tick('valid_from') }}

    union

    -- a warehouse that is older than this table: everybody, by the hash that had held them out before
    select contact_id
    from {{ ref('identity_map') }}
    where
        valid_from < {{ tick_start() }}
        and not exists (select 1 from {{ this }})
        and exists (select 1 from {{ ref('identity_map') }} where {{ in_tick('valid_from') }})
    {%- else %}
    where valid_from < {{ tick_end() }}
    {%- endif %}
),

{% if is_incremental() -%}
drawn_before as (
    select contact_id
    from {{ this }}
    where contact_id in (select contact_id from known)
),

{% endif -%}
drawing as (
    select distinct
        contact_id,
        cast({{ var('global_holdout') }} as double) as holdout_share
    from known
    {%- if is_incremental() %}
    where contact_id not in (select contact_id from drawn_before)
    {%- endif %}
)

select
    contact_id,
    holdout_share,
    case when {{ global_draw('contact_id') }} < holdout_share then 'holdout' else 'treated' end as assignment,
    {{ tick_end() }} as tick_end
from drawing
