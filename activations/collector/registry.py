"""What the collector answers: each module gives its routes."""

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from activations.collector import decisions, in_app, posthog, segment, snowplow, triggers
from activations.collector.collector import Collector

ROUTES: Sequence[Callable[[Collector], list[BaseRoute]]] = (
    segment.routes,
    posthog.routes,
    snowplow.routes,
    triggers.routes,
    in_app.routes,
    decisions.routes,
)
