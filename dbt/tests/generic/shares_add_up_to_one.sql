{#- Fails for everything whose shares do not make a whole, to the last digit. -#}
{% test shares_add_up_to_one(model, share, of) %}

select {{ of | join(', ') }}
from {{ model }}
group by {{ of | join(', ') }}
having sum({{ share }}) <> 1

{% endtest %}
