{#- The paths from which models of attribution learn at each of the tick's midnights: those of the attribution_history before it.
    A path leads to an order, or to none: then it is what a contact met with that led to no order, once it can lead to none any
    more. An order that was wholly given back by then was none. One row per fitted_at, journey and touch. -#}
{% macro journeys() -%}
    {%- set states = 'touches.' ~ attribution_state_columns() | join(', touches.') -%}
    {%- set history = stated_period('attribution_history') -%}
    (
        with moments as (select * from {{ midnights('fitted_at') }} as midnights),

        lost as (
            select
                order_id as conversion_id,
                min(effective_at) as lost_at
            from {{ ref('orders') }}
            where
                effective_at >= {{ tick_start() }} - {{ history }}
                and effective_at < {{ tick_end() }}
                and (status = 'cancelled' or status = 'refunded' and coalesce(refunded, total) >= total)
            group by order_id
        ),

        led_to_orders as (
            select
                moments.fitted_at,
                touches.conversion_id,
                coalesce(touches.action_id, touches.touch_id) as touched_by,
                touches.touch_id,
                touches.touched_at,
                {{ states }},
                touches.kind as touch_kind
            from {{ ref('conversion_touchpoints') }} as touches
            inner join moments
                on
                    touches.known_at >= moments.fitted_at - {{ history }}
                    and touches.known_at < moments.fitted_at
            where
                touches.known_at >= {{ tick_start() }} - {{ history }}
                and touches.known_at < {{ tick_end() }}
        ),

        others as (
            select
                moments.fitted_at,
                touches.contact_id,
                touches.touch_id,
                touches.touched_at,
                {{ states }},
                coalesce(touches.action_id, touches.touch_id) as touched_by
            from {{ ref('touchpoints') }} as touches
            inner join moments
                on
                    touches.known_at >= moments.fitted_at - {{ history }}
                    and touches.known_at < moments.fitted_at
                    and touches.touched_at <= moments.fitted_at - {{ stated_period('attribution_window') }}
            where
                touches.known_at >= {{ tick_start() }} - {{ history }}
                and touches.known_at < {{ tick_end() }}
                and touches.kind in {{ quoted_list(var('attribution_kinds')) }}
        ),

        led_nowhere as (
            select others.*
            from others
            left join led_to_orders as used
                on others.fitted_at = used.fitted_at and others.touched_by = used.touched_by
            where used.touch_id is null
            qualify row_number() over (
                partition by others.fitted_at, others.touched_by
                order by others.touched_at desc, others.touch_id desc
            ) = 1
        ),

        paths as (
            select
                touches.fitted_at,
                touches.conversion_id as journey_id,
                touches.touch_id,
                touches.touched_at,
                {{ states }},
                lost.conversion_id is null as converted
            from led_to_orders as touches
            left join lost on touches.conversion_id = lost.conversion_id and touches.fitted_at > lost.lost_at
            where touches.touch_kind <> 'unknown'

            union all

            select
                touches.fitted_at,
                concat('nothing of ', touches.contact_id) as journey_id,
                touches.touch_id,
                touches.touched_at,
                {{ states }},
                false as converted
            from led_nowhere as touches
        )

        select
            touches.fitted_at,
            touches.journey_id,
            touches.touch_id,
            touches.touched_at,
            touches.state,
            touches.converted
        from {{ counted_states('paths', 'touches.fitted_at') }} as touches
    )
{%- endmacro %}
