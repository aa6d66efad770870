"""How old what a tick makes may become before Dagster says so."""

from datetime import timedelta

import dagster as dg

# one tick may be late, or one workflow left out of it; two in a row want a person
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(minutes=90))
DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
