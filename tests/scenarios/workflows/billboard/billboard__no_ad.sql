select
    arrivals.*,
    {{ leave_audience('window_shoppers') }}
from {{ arrivals(ref('billboard__ad'), wait='2 days', exits=ref('billboard__exited')) }}
