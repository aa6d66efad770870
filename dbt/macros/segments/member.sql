{#- The columns member_from and member_until of a segment's model: the period in which a contact with this profile belongs, if
    nothing else changes. `when` is a condition on the profile; `since` and `until` are times, where the segment is about time
    as well: it is entered at `since` and left at `until`, whether or not anything happens then. Who was merged into
    another contact or forgotten belongs to no segment.

        {{ member(when='orders_count > 0', since="last_order_at + interval '90 days'") }}
-#}
{% macro member(when, since="timestamp '0001-01-01'", until="cast(null as timestamp)") -%}
    {%- set belongs -%}
        merged_into_contact_id is null
            and not is_erased
            and ({{ when }})
            and ({{ until }} is null or {{ until }} > {{ since }})
    {%- endset -%}
    case
        when
            {{ belongs }}
            then {{ since }}
    end as member_from,
    case
        when
            {{ belongs }}
            and {{ since }} is not null
            then {{ until }}
    end as member_until
{%- endmacro %}
