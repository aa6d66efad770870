-- At once: sales are told whom to call.
select
    arrivals.*,
    {{ notify('sales', '{{ context.owner }}, please call {{ contact.email }}.', carry=['owner'], when='owner is not null') }}
from {{ arrivals(ref('lead_nurturing__hand_over'), exits=ref('lead_nurturing__exited')) }}
