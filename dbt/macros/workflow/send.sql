{#- Proposes a message.

    template  folder in activations/templates
    channels  in order of preference: the next is tried where a contact cannot be reached, or has not agreed, on one
    topic     what it is about (seed topics): decides which consent it needs, and whether caps and quiet hours apply
    when      a condition; who does not meet it passes through without a message
    if_held   when capped, quiet or suppressed: 'skip', 'defer' until it may (or expires), or 'next channel'
    expires   after this long it is not sent any more
    variant   an expression that names the variant: split(…), or experiment('…')
    holdout   share of those who reach the step that is held out of this message, by chance, so that its own effect can be
              measured; who is held out goes on. Logged as step_assignment

        select arrivals.*, {{ send(template='welcome_hello', channels=['email'], topic='newsletter') }}
-#}
{% macro send(template, channels, topic, when='true', if_held='skip', expires='24 hours', variant='null', holdout=none) -%}
    {%- if holdout is not none -%}
        {%- set draw = salted_share(["'step holdout'", "'" ~ workflow_name() ~ "'", "'" ~ step_name() ~ "'", 'arrivals.contact_id']) -%}
    case when {{ draw }} < {{ holdout }} then 'holdout' else 'treated' end as step_assignment,
    cast({{ holdout }} as double) as holdout_share,
    {% set when = "(" ~ when ~ ") and " ~ draw ~ " >= " ~ holdout -%}
    {%- endif -%}
    {{ act('send', channels, topic, when=when, if_held=if_held, expires=expires, template=template, variant=variant) }}
{%- endmacro %}
