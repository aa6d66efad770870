select
    arrivals.*,
    {{ join_audience('window_shoppers') }}
from {{ arrivals(ref('billboard__entered'), exits=ref('billboard__exited')) }}
