"""What the collector answers: each module gives its routes."""

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from activations.collector import (
    decisions,
    form_pages,
    in_app,
    inbound,
    posthog,
    segment,
    snowplow,
    subscriptions,
    tracking,
    triggers,
)
from activations.collector.collector import Collector

ROUTES: Sequence[Callable[[Collector], list[BaseRoute]]] = (
    segment.routes,
    posthog.routes,
    snowplow.routes,
    triggers.routes,
    inbound.routes,
    subscriptions.routes,
    tracking.routes,
    form_pages.routes,
    in_app.routes,
    decisions.routes,
)
