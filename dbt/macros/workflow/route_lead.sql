{#- Gives each contact an owner, as a column of the step and as a property of the profile. Whom the rule names nobody for, the
    owners take in turns: each is the next in the order of arrival, which the size of the ticks does not change.

    owners    who takes turns
    rule      conditions over the columns that the step carries, each with its owner, tried in the written order
    property  the name of the column and of the property; the column <property>_turn counts the turns

    A later step can tell the CRM: set_crm_owner('owner').

        select arrivals.*, {{ route_lead(owners=['anna', 'ben'], rule={"country = 'DE'": 'carla'}) }}
-#}
{% macro route_lead(owners, rule={}, when='true', property='owner') -%}
    {%- set own_turn -%}
        coalesce(({{ when }}), false){% for condition in rule %} and not coalesce(({{ condition }}), false){% endfor %}
    {%- endset -%}
    {%- set turn -%}
        (
            row_number() over (
                partition by {{ own_turn }}
                order by arrivals.reached_at, arrivals.enrollment_id
            )
            {%- if is_incremental() %}
            + (
                select coalesce(max(earlier.{{ property }}_turn), 0)
                from (
                    -- the column is there even if the step had none before
                    select cast(null as bigint) as {{ property }}_turn
                    where false
                    union all by name
                    select {{ columns_among(this, [property ~ '_turn', 'reached_at']) }}
                    from {{ this }}
                ) as earlier
                where earlier.reached_at < {{ tick_start() }}
            )
            {%- endif %}
        )
    {%- endset -%}
    {%- set owner -%}
        case
            {%- for condition, name in rule.items() %}
            when coalesce(({{ when }}), false) and ({{ condition }}) then {{ text_literal(name) }}
            {%- endfor %}
            when {{ own_turn }} then
                [{% for name in owners %}{{ text_literal(name) }}{{ ', ' if not loop.last }}{% endfor %}][
                    1 + ({{ turn }} - 1) % {{ owners | length }}
                ]
        end
    {%- endset -%}
    case when {{ own_turn }} then {{ turn }} end as {{ property }}_turn,
    {{ owner }} as {{ property }},
    {{ set_property(property, owner, when=when) }}
{%- endmacro %}
