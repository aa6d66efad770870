"""A preview as one page: everything is in the file, and nothing is fetched from anywhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from activations.holds.sample import Sample
from dagster_project.preview.found import Preview, Shown, Stop
from dagster_project.preview.telling import ABOUT_GATES, IDLE, action_of, difference_of, moment, wait_of

# a message may name pictures of its shop: the page asks nobody for them
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self' about:"
# of a profile, what says nothing about the contact
_BOOKKEEPING = ("is_repeated", "valid_from", "tick_end")
_STYLE = """
:root { color-scheme: light dark; --paper: #fafaf8; --card: #fff; --text: #222; --faint: #666; --line: #ddd;
  --own: #2f6b4f; --badge: #eee; --own-badge: #d9ebe1; --quote: #f4f4f1; --stopped: #a4453a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1c1b19; --card: #272522; --text: #eae7e1; --faint: #a8a39a; --line: #45423d;
    --own: #7dbb9c; --badge: #3a3733; --own-badge: #2c4a3b; --quote: #201f1c; --stopped: #d98880; }
}
body { margin: 0 auto; max-width: 960px; padding: 24px; color: var(--text); background: var(--paper); }
body { font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; }
ol { list-style: none; margin: 14px 0; padding: 0 0 0 22px; border-left: 2px solid var(--line); }
ol.way { padding-left: 0; border: 0; }
li { margin: 14px 0; }
.stop { padding: 12px 16px; border: 1px solid var(--line); border-radius: 6px; background: var(--card); }
.own > .stop { border-color: var(--own); box-shadow: inset 4px 0 var(--own); }
.step { font-weight: 600; }
.small { color: var(--faint); font-size: 13px; }
.badge { white-space: nowrap; padding: 1px 8px; border-radius: 9px; background: var(--badge); font-size: 13px; }
.own > .stop .badge { background: var(--own-badge); }
table { border-collapse: collapse; margin: 8px 0; font-size: 13px; }
td { padding: 2px 14px 2px 0; vertical-align: top; }
summary { cursor: pointer; padding: 4px 0; }
iframe { width: 100%; height: 420px; resize: vertical; }
iframe { background: #fff; border: 1px solid var(--line); border-radius: 4px; }
pre { white-space: pre-wrap; background: var(--quote); padding: 10px; border-radius: 4px; }
.verdict { font-size: 13px; padding-left: 10px; border-left: 3px solid var(--line); }
.verdict.send { border-color: var(--own); }
.verdict.stopped, .verdict.held { border-color: var(--stopped); }
@media (max-width: 600px) { body { padding: 12px; } ol { padding-left: 10px; } .stop { padding: 10px 12px; } }
"""


def page_of(found: Preview) -> str:
    """The page as HTML."""
    body = Markup("\n").join(
        [
            Markup("<h1>{}</h1>").format(found.workflow),
            Markup('<p class="small">{}, from {} on, in compressed time. {}</p>').format(
                _who(found), moment(found.start.reached_at), _what_it_is()
            ),
            _fields("What is known of the contact", found.profile),
            _fields(f"What the entry carries ({found.entered})", found.carried),
            Markup('<p class="small">{}</p>').format(_ends(found)),
            Markup('<ol class="way">{}</ol>').format(_stop(found.start)),
        ]
    )
    return Markup(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="{}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{}: preview</title><style>{}</style></head>\n<body>\n{}\n</body></html>\n"
    ).format(_POLICY, found.workflow, Markup(_STYLE), body)


def _who(found: Preview) -> str:
    return "An invented contact" if found.is_invented else f"Contact {found.contact_id}"


def _what_it_is() -> str:
    return f"The contact's own way is marked; on every other one a double of theirs goes. {ABOUT_GATES}"


def _ends(found: Preview) -> str:
    told = [f"Whoever leaves early, leaves because: {', '.join(found.leaves_when)}."] if found.leaves_when else []
    if found.not_reached:
        told.append(f"By no way reached: {', '.join(found.not_reached)}.")
    return " ".join(told)


def _fields(title: str, values: Mapping[str, Any]) -> Markup:
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td></tr>").format(name, value)
        for name, value in values.items()
        if value is not None and name not in _BOOKKEEPING
    )
    return Markup("<details><summary>{}</summary><table>{}</table></details>").format(title, rows)


def _stop(stop: Stop) -> Markup:
    head = Markup('<span class="step">{}</span> <span class="small">{}, {}</span>').format(
        stop.step, wait_of(stop), moment(stop.reached_at)
    )
    way = Markup(' <span class="badge">leaves by {}</span>').format(stop.branch) if stop.branch else Markup("")
    different = difference_of(stop)
    inside = [head + way]
    if different:
        inside.append(Markup('<div class="small">{}</div>').format(different))
    if stop.shown is not None:
        inside += _shown(stop.shown)
    elif stop.is_idle:
        inside.append(Markup('<div class="small">{}</div>').format(IDLE))
    # only where ways part is there need of more room to the left: a long way is read on a phone, too
    goes_on = len(stop.following) == 1
    ways = Markup("").join(Markup("<ol>{}</ol>").format(_stop(one)) for one in stop.following if not goes_on)
    item = Markup('<li{}><div class="stop">{}</div>{}</li>').format(
        Markup(' class="own"') if stop.is_own else Markup(""), Markup("").join(inside), ways
    )
    return item + _stop(stop.following[0]) if goes_on else item


def _shown(shown: Shown) -> Iterator[Markup]:
    yield Markup("<div>{}</div>").format(action_of(shown))
    for verdict in shown.verdicts:
        yield Markup('<div class="verdict {}">{}</div>').format(verdict.outcome, verdict.told)
    if shown.details:
        yield Markup("<pre>{}</pre>").format(shown.details)
    for place, (variant, sample) in enumerate(shown.samples):
        yield _message(variant, sample, is_open=place == 0 and not sample.html)


def _message(variant: str | None, sample: Sample, *, is_open: bool) -> Markup:
    title = f"{f'{variant}: ' if variant else ''}{sample.subject or 'not to be shown'}"
    shown = (
        # escaped once for the attribute; without scripts, forms or a way out
        Markup('<iframe sandbox="" title="{}" srcdoc="{}"></iframe>').format(title, sample.html)
        if sample.html
        else Markup("<pre>{}</pre>").format(escape(sample.text))
    )
    return Markup("<details{}><summary>{}</summary>{}</details>").format(
        Markup(" open") if is_open else Markup(""), title, shown
    )
