-- Two weeks after the goodbye they are marked, and segments can leave them out.
select
    arrivals.*,
    {{ add_tag('sunset') }}
from {{ arrivals(ref('reengagement__goodbye'), wait='14 days', exits=ref('reengagement__exited')) }}
