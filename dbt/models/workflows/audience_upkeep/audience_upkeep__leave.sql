-- In the same tick they are taken out, as whom they were when they joined, whatever has become of their address.
select
    arrivals.*,
    {{ act(
        'leave_audience', ['audience'], 'service', expires='30 days',
        details=action_details(carry=['audience', 'known_as'])
    ) }}
from {{ arrivals(ref('audience_upkeep__entered'), exits=ref('audience_upkeep__exited')) }}
