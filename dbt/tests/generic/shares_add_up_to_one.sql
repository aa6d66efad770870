{#- Fails for everything whose shares do not make a whole. -#}
{% test shares_add_up_to_one(model, share, of) %}

select {{ of | join(', ') }}
from {{ model }}
group by {{ of | join(', ') }}
having abs(sum({{ share }}) - 1) > 0.000001

{% endtest %}
