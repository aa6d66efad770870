select
    arrivals.*,
    {{ send(template='welcome_story', channels=['email'], topic='service') }}
from {{ arrivals(ref('wishlist__entered'), wait='3 days', exits=ref('wishlist__exited')) }}
