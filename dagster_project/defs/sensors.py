"""What does not wait for the hour."""

from collections.abc import Iterator

import dagster as dg

from activations.errors import HourbellError
from dagster_project.defs.jobs import running_tick, tick
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.ticks.tick_run import window_tags
from dagster_project.urgent import Watch, look, urgent_events, urgent_window


@dg.sensor(job=tick, minimum_interval_seconds=5)
def urgent(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A small tick as soon as an event has come in for which an urgent workflow waits; the hour goes on after it."""
    home = Home.from_environment()
    try:
        events = urgent_events()
        if not events:
            yield dg.SkipReason("No workflow is urgent.")
            return
        watch = look(home, Watch.from_text(context.cursor), events)
        context.update_cursor(str(watch))
        if watch.newest is None or watch.newest == watch.asked:
            yield dg.SkipReason("Nothing has come in for which an urgent workflow waits.")
            return
        running = running_tick(context.instance)
        if running:
            yield dg.SkipReason(f"The tick of run {running} is still at work; what it does not decide is next.")
            return
        window = urgent_window(home, watch, utc_now())
    except HourbellError as error:
        yield dg.SkipReason(str(error))
        return
    if window is None or window.end > watch.newest:
        context.update_cursor(str(watch.answered()))
    if window is None:
        yield dg.SkipReason("What has come in was decided already.")
        return
    yield dg.RunRequest(run_key=f"urgent {window.start.isoformat()}/{window.end.isoformat()}", tags=window_tags(window))
