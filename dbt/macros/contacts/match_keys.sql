{#- What stands for a person where no identifier does: details that only one person has together, by the rules in the seed
    identity_match_keys. `contacts` is the relation of the contacts' rows; those of the tick count. -#}
{% macro match_keys(contacts) -%}
    (
        with rules as (
            select
                match_key,
                field,
                first_letters
            from {{ ref('identity_match_keys') }} as rule_fields
            where is_enabled
        ),

        people as (
            select
                user_id,
                email,
                phone,
                first_name,
                last_name,
                birth_date,
                properties,
                effective_at,
                source,
                occurred_at
            from {{ contacts }} as landed
            where {{ in_tick('effective_at') }}
        ),

        details as (
            select
                people.source,
                people.user_id,
                people.occurred_at,
                fields.field,
                {{ comparable_text(
                    "case fields.field"
                    ~ " when 'first_name' then people.first_name"
                    ~ " when 'last_name' then people.last_name"
                    ~ " when 'birth_date' then cast(people.birth_date as varchar)"
                    ~ " else json_extract_string(people.properties, fields.field) end"
                ) }} as detail
            from people
            cross join (select distinct field from rules) as fields
        ),

        keys as (
            select
                details.source,
                details.user_id,
                details.occurred_at,
                rules.match_key,
                {{ stable_hash([
                    "string_agg(left(details.detail, coalesce(rules.first_letters, length(details.detail))), '|' order by rules.field)"
                ]) }} as details_hash
            from details
            inner join rules on details.field = rules.field
            group by
                details.source,
                details.user_id,
                details.occurred_at,
                rules.match_key
            having count(*) = count(case when length(details.detail) >= coalesce(rules.first_letters, 1) then 1 end)
        )

        select
            people.user_id,
            people.email,
            people.phone,
            keys.match_key || ':' || keys.details_hash as match_key_value,
            people.effective_at
        from keys
        inner join people
            on
                keys.source = people.source
                and keys.user_id = people.user_id
                and keys.occurred_at = people.occurred_at
    )
{%- endmacro %}
