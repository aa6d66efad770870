{#- Touches with the `state` that they are counted as by the models that learn from paths: their own, or where that is too rare
    the rest of its kind, as attribution_states has it for `fitted_at`. `touches` is a CTE with the columns of touchpoints that
    attribution_state names.

        from {{ counted_states('touches', "date_trunc('day', touches.known_at)") }} as touches
-#}
{% macro counted_states(touches, fitted_at) -%}
    (
        with known as (
            select *
            from {{ ref('attribution_states') }}
            where fitted_at >= date_trunc('day', {{ tick_start() }}) and fitted_at < {{ tick_end() }}
        )

        select
            touches.*,
            coalesce(own.counted_as, of_group.counted_as, rest.counted_as, {{ attribution_state() }}) as state
        from {{ touches }} as touches
        left join known as own
            on
                {{ fitted_at }} = own.fitted_at
                and own.stands_for = 'state'
                and own.state = {{ attribution_state() }}
                and own.state_group = {{ attribution_group() }}
        left join known as of_group
            on
                {{ fitted_at }} = of_group.fitted_at
                and of_group.stands_for = 'group'
                and of_group.state_group = {{ attribution_group() }}
        left join known as rest on {{ fitted_at }} = rest.fitted_at and rest.stands_for = 'rest'
    )
{%- endmacro %}
