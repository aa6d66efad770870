{#- The rows of a raw table that became known in this tick, each natural key once: its first row counts, later ones are
    duplicates. `raw` is a relation, `key` the natural key's columns. -#}
{% macro first_known(raw, key) -%}
    {%- set same_key -%}
        {%- for column in key %}{{ 'and ' if not loop.first }}earlier.{{ column }} is not distinct from arrived.{{ column }} {% endfor -%}
    {%- endset -%}
    (
        select arrived.*
        from {{ raw }} as arrived
        where
            {{ in_tick('arrived.effective_at') }}
            {%- if is_incremental() %}
            and not exists (
                select 1
                from {{ this }} as earlier
                where
                    {{ same_key }}
                    and earlier.effective_at >= {{ tick_start() }} - interval '{{ var('deduplication_period') }}'
                    and earlier.effective_at < {{ tick_start() }}
            )
            {%- endif %}
        qualify row_number() over (
            partition by {{ key | join(', ') }}
            order by arrived.effective_at, arrived.occurred_at, arrived.landing_file, arrived.landing_row
        ) = 1
    )
{%- endmacro %}
