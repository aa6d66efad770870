{#- Fails for every merge into a contact that had itself been absorbed by then. -#}
{% test contact_goes_on(model) %}

select merges.*
from {{ model }} as merges
inner join {{ model }} as absorbed
    on merges.into_contact_id = absorbed.contact_id and absorbed.merged_at <= merges.merged_at

{% endtest %}
