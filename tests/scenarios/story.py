"""Scenarios, as people write them, and what they mean: rows of the raw tables, and sentences that have to come true."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from dagster_project.ticks.transform import DBT

FOLDER = Path(__file__).parent
DAY_1 = datetime(2026, 3, 2)
CHANNEL = r"(?:email|sms|push|in_app|web|voice|profile|webhook|audience)"
TIME = r"day -?\d+ \d\d:\d\d(?::\d\d)?"
NAME = r"[A-Z][a-z]+"
WORD = r"[a-z_]+"
TOPICS = ("newsletter", "offers", "partners")
ELSEWHERE = "elsewhere.yml"
KEYS = {"scenario", "rule", "threads", "people", "given", "then", "watching", "fails because"}
OF_PEOPLE = {"lives in", "agrees to", "agrees to ads", "held out of", "drawn", "known since", "email", "born"}

# steps that hold some out of their message, as `workflow step`
HOLDING_OUT = [
    path.stem.replace("__", " ")
    for path in sorted((DBT / "models" / "workflows").glob("*/*__*.sql"))
    if "holdout=" in path.read_text() and not path.stem.endswith("__entered")
]

Row = dict[str, Any]


class StoryError(Exception):
    """A scenario that cannot be understood; says which, and what can be written instead."""


@dataclass(frozen=True)
class Happening:
    """A row that lands, or, without one, a message of which something becomes known."""

    at: datetime
    table: str
    row: Row


@dataclass(frozen=True)
class Person:
    """Somebody of one scenario."""

    name: str
    user_id: str
    email: str
    phone: str
    traits: Mapping[str, Any]

    @property
    def contact_id(self) -> int:
        """As the product makes it out of the first identifier."""
        return stable_hash("user_id", self.user_id)


@dataclass(frozen=True)
class Scenario:
    title: str
    file: str
    people: Mapping[str, Person]
    happenings: Sequence[Happening]
    expected: Sequence[str]
    is_counted: bool
    """Whether it tells what the gate in left out of its rows; then they land in files of their own."""
    watching: Sequence[str]
    """Workflows whose decisions are all told; of none named, those of every workflow."""
    fails_because: str | None


def stable_hash(*parts: object) -> int:
    """As the macro of the same name."""
    return int(hashlib.md5("|".join(map(str, parts)).encode()).hexdigest()[:15], 16)


def share(*parts: object) -> float:
    """As the macro salted_share."""
    return stable_hash(*parts) % 1_000_000 / 1_000_000


def moment(text: str) -> datetime:
    _, day, clock = text.split()
    hours, minutes, *seconds = map(int, clock.split(":"))
    return DAY_1 + timedelta(days=int(day) - 1, hours=hours, minutes=minutes, seconds=sum(seconds))


def told(at: datetime) -> str:
    """A time as scenarios write it."""
    seconds = f"{at:%H:%M}" if at.second == 0 else f"{at:%H:%M:%S}"
    return f"day {(at - DAY_1).days + 1} {seconds}"


def shown_elsewhere() -> list[Mapping[str, Any]]:
    """Rules of which another test tells: scenario, rule and `shown by`, and the threads."""
    found: list[Mapping[str, Any]] = yaml.safe_load((FOLDER / ELSEWHERE).read_text())
    return found


def threads() -> set[str]:
    """All threads of other systems' users that any scenario names."""
    told = [
        raw for file in FOLDER.glob("*.yml") if file.name != "world.yml" for raw in yaml.safe_load(file.read_text())
    ]
    return {thread for raw in told for thread in raw.get("threads", [])}


def read_all(workflows: Sequence[str], changes: Mapping[str, datetime]) -> list[Scenario]:
    """The scenarios of all files; raises StoryError."""
    found = []
    for file in sorted(FOLDER.glob("*.yml")):
        if file.name not in ("world.yml", ELSEWHERE):
            found += [_read(raw, file.name, workflows, changes) for raw in yaml.safe_load(file.read_text())]
    titles = [scenario.title for scenario in found]
    twice = {title for title in titles if titles.count(title) > 1}
    if twice:
        raise StoryError(f"Two scenarios are called: {', '.join(sorted(twice))}")
    return found


def _read(raw: Mapping[str, Any], file: str, workflows: Sequence[str], changes: Mapping[str, datetime]) -> Scenario:
    title = raw.get("scenario", "")
    where = f"{file}: {title or raw}"
    missing, unknown = {"scenario", "rule", "given", "then"} - raw.keys(), raw.keys() - KEYS
    if missing or unknown:
        raise StoryError(f"{where}: lacks {sorted(missing)}, does not know {sorted(unknown)}")
    lines = list(raw["given"])
    names = sorted({*raw.get("people", {}), *(name for line in lines for name in re.findall(NAME, _subject(line)))})
    people = {name: _person(title, name, raw.get("people", {}).get(name) or {}, workflows, where) for name in names}
    happenings = [one for person in people.values() for one in _introduced(person)]
    for number, line in enumerate(lines):
        happenings += _happening(
            line, people, f"{people and next(iter(people.values())).user_id}-{number}", changes, where
        )
    expected = [_sentence(line, people, workflows, where) for line in raw["then"]]
    watching = raw.get("watching", [])
    strangers = set(watching) - set(workflows)
    if strangers:
        raise StoryError(f"{where}: watches {sorted(strangers)}, which are no workflows")
    counted = any(line.startswith("of what landed") for line in expected)
    return Scenario(title, file, people, happenings, expected, counted, watching, raw.get("fails because"))


def _subject(line: str) -> str:
    """The part of a line in which people are named."""
    said = re.sub(rf"^{TIME}: ", "", line)
    return " ".join(re.findall(rf"^{NAME}(?='s| )|(?<=turns out to be ){NAME}", said))


def _person(title: str, name: str, traits: Mapping[str, Any], workflows: Sequence[str], where: str) -> Person:
    if traits.keys() - OF_PEOPLE:
        raise StoryError(
            f"{where}: of {name} it says {sorted(traits.keys() - OF_PEOPLE)}; it may say {sorted(OF_PEOPLE)}"
        )
    held_out, drawn = traits.get("held out of"), traits.get("drawn", {})
    # the largest holdout of all workflows is a tenth, and of all steps a fifth; the smallest of them is a twentieth
    least = {workflow: (0.1, ("holdout", workflow)) for workflow in workflows}
    least |= {step: (0.2, ("step holdout", *step.split())) for step in HOLDING_OUT}
    if held_out not in (None, "everything", *least):
        raise StoryError(f"{where}: {held_out} is no workflow, and no step that holds anybody out")
    story = f"{stable_hash(title):x}"
    for attempt in range(1_000_000):
        user_id = f"{story}-{name.lower()}-{attempt}"
        contact = stable_hash("user_id", user_id)
        everywhere = share("global holdout", contact)
        if (
            (everywhere < 0.02 if held_out == "everything" else everywhere >= 0.02)
            and all((share(salt, contact) < 0.5) == (half == "first half") for salt, half in drawn.items())
            and all(
                share(*salt, contact) < 0.05 if place == held_out else share(*salt, contact) >= treated_from
                for place, (treated_from, salt) in least.items()
            )
        ):
            number = f"+4474{contact % 10**8:08}"
            return Person(name, user_id, traits.get("email", f"{user_id}@shop.example"), number, traits)
    raise StoryError(f"{where}: nobody can be drawn like {name}")


def _introduced(person: Person) -> list[Happening]:
    since = moment(person.traits.get("known since", "day -20 00:00"))
    known = {"user_id": person.user_id, "source": "shop", "country": "GB"}
    more = {"email": person.email, "phone": person.phone, "first_name": person.name}
    zone = {"timezone": person.traits.get("lives in", "UTC"), "birth_date": person.traits.get("born")}
    topics = person.traits.get("agrees to", TOPICS)
    agreed = [(channel, topic) for topic in topics for channel in ("email", "sms")]
    agreed += [("audience", "advertising")] if person.traits.get("agrees to ads") else []
    return [
        # the user_id comes first, so that it makes the contact's id
        Happening(since, "contacts", known),
        Happening(since + timedelta(minutes=1), "contacts", {**known, **more, **zone}),
        *(_consent(person, since + timedelta(minutes=2), channel, topic, "granted") for channel, topic in agreed),
    ]


def _consent(person: Person, at: datetime, channel: str, topic: str, status: str) -> Happening:
    about = {"channel": channel, "topic": topic, "status": status, "source": "form"}
    return Happening(at, "consents", {"user_id": person.user_id, **about})


def _order(person: Person, at: datetime, order: str, status: str, **values: Any) -> Happening:
    known = {"order_id": f"{person.user_id}-{order}", "status": status, "user_id": person.user_id, "source": "shop"}
    return Happening(at, "orders", {**known, "currency": "GBP", "total": 40, **values})


def _event(person: Person, at: datetime, message: str, name: str, **properties: Any) -> Happening:
    known = {"message_id": message, "type": "track", "event": name, "user_id": person.user_id, "source": "web"}
    return Happening(at, "events", {**known, "email": None, "properties": json.dumps(properties)})


def _paid_until(person: Person, at: datetime, day: str) -> Happening:
    properties = json.dumps({"subscription_renews_on": f"{moment(f'{day} 00:00').date()}"})
    return Happening(at, "contacts", {"user_id": person.user_id, "source": "shop", "properties": properties})


Meaning = Callable[[Person, datetime, str, re.Match[str]], Happening]


def _cart(event: str) -> Meaning:
    return lambda person, at, message, said: _event(
        person, at, message, event, cart_id=f"{person.user_id}-{said[2]}", price=float(said[1]), quantity=1
    )


# what can be said of somebody, and the row that it means
MEANINGS: Mapping[str, Meaning] = {
    r"puts (\d+) in cart (\w+)": _cart("Product Added"),
    r"takes (\d+) out of cart (\w+)": _cart("Product Removed"),
    r"orders (\w+)": lambda person, at, _, said: _order(person, at, said[1], "placed"),
    r"orders (\w+) with cart (\w+)": lambda person, at, _, said: _order(
        person, at, said[1], "placed", cart_id=f"{person.user_id}-{said[2]}"
    ),
    r"(cancels|sends back) order (\w+)": lambda person, at, _, said: _order(
        person, at, said[2], "cancelled" if said[1] == "cancels" else "refunded"
    ),
    r"gets order (\w+) sent": lambda person, at, _, said: _order(person, at, said[1], "fulfilled"),
    r"pays for a subscription until (day \d+)": lambda person, at, _, said: _paid_until(person, at, said[1]),
    r"registers for (\w+), which ends on (day \d+ \d\d:\d\d)": lambda person, at, message, said: _event(
        person, at, message, "Event Registered", event_id=said[1], ends_at=f"{moment(said[2])}"
    ),
    r"agrees to (\w+) by (\w+)": lambda person, at, _, said: _consent(person, at, said[2], said[1], "granted"),
    r"refuses (\w+) by (\w+)": lambda person, at, _, said: _consent(person, at, said[2], said[1], "withdrawn"),
    r"looks at a product": lambda person, at, message, _: _event(person, at, message, "Product Viewed"),
    r"reports us as spam": lambda person, at, message, _: _addressed(
        person, _event(person, at, message, "Email Marked as Spam")
    ),
    r"cannot be reached by email any more": lambda person, at, message, _: _addressed(
        person, _event(person, at, message, "Email Bounced", type="hard")
    ),
    r"opens the app on device (\w+)": lambda person, at, message, said: _on_device(
        person, said[1], _event(person, at, message, "Application Opened")
    ),
    r"has taken the app off device (\w+)": lambda person, at, message, said: _event(
        person,
        at,
        message,
        "Push Notification Bounced",
        type="hard",
        channel="push",
        address=f"{person.user_id}-{said[1]}",
    ),
    r"unsubscribes from everything": lambda person, at, message, _: _addressed(
        person, _event(person, at, message, "Unsubscribed")
    ),
    r"is left in peace": lambda person, at, *_: Happening(
        at, "contacts", {"user_id": person.user_id, "source": "shop", "properties": f'{{"suppressed_since": "{at}"}}'}
    ),
    r"asks to be forgotten": lambda person, at, message, _: _event(person, at, message, "Contact Erased"),
    r"does '([\w ]+)'(?: (\w+))?(?: with (\w+) (\w+))?": lambda person, at, message, said: _event(
        person, at, message, said[1], **({"key": said[2] or "1"} | ({said[3]: said[4]} if said[3] else {}))
    ),
    r"moves to ([\w/]+)": lambda person, at, _, said: Happening(
        at, "contacts", {"user_id": person.user_id, "source": "shop", "timezone": said[1]}
    ),
}


def _on_device(person: Person, device: str, happening: Happening) -> Happening:
    context = json.dumps({"device": {"type": "android", "token": f"{person.user_id}-{device}"}})
    return Happening(happening.at, happening.table, {**happening.row, "context": context})


def _addressed(person: Person, happening: Happening) -> Happening:
    return Happening(happening.at, happening.table, {**happening.row, "email": person.email})


def _happening(
    line: str, people: Mapping[str, Person], message: str, changes: Mapping[str, datetime], where: str
) -> list[Happening]:
    timed = re.fullmatch(rf"({TIME}): (.*?)(?:, (?:of which we learn|known) on ({TIME})|, dated ([\d-]+))?", line)
    if not timed:
        raise StoryError(f"{where}: '{line}' does not begin with a time such as 'day 2 09:30: '")
    at, said = moment(timed[1]), timed[2]
    if said in changes:
        if changes[said] != at:
            raise StoryError(f"{where}: '{said}' happens on {told(changes[said])}, as world.yml has it")
        return []
    outcome = re.fullmatch(rf"the last message to ({NAME}) (fails|is accepted)", said)
    if outcome:
        about = {"contact_id": people[outcome[1]].contact_id if outcome[1] in people else None}
        return [Happening(at, "outcomes", {**about, "status": "failed" if outcome[2] == "fails" else "accepted"})]
    merged = re.fullmatch(rf"({NAME}) turns out to be ({NAME})", said)
    if merged:
        one, other = people[merged[1]], people[merged[2]]
        row = {"user_id": one.user_id, "source": "shop", "email": other.email, "phone": other.phone}
        return [Happening(at, "contacts", row)]
    person = people.get(said.split()[0])
    for pattern, meaning in MEANINGS.items():
        found = re.fullmatch(pattern, said.partition(" ")[2])
        if found and person:
            happening = meaning(person, at, message, found)
            if timed[3]:
                return [Happening(at, happening.table, {**happening.row, "loaded_at": moment(timed[3])})]
            if timed[4]:
                return [Happening(at, happening.table, {**happening.row, "occurred_at": timed[4]})]
            return [happening]
    raise StoryError(
        f"{where}: '{line}' is not understood. It can be said of somebody that he or she: {list(MEANINGS)}"
    )


SENTENCES = (
    rf"{TIME}: (?P<workflow>{WORD}) {WORD} is sent to (?P<name>{NAME}) by {CHANNEL}(, at {TIME})?",
    rf"{TIME}: (?P<workflow>{WORD}) {WORD} to (?P<name>{NAME}) is stopped: [a-z ]+",
    rf"{TIME}: (?P<workflow>{WORD}) {WORD} to (?P<name>{NAME}) is put off until {TIME}: [a-z ]+",
    rf"{TIME}: (?P<name>{NAME}) enters (?P<workflow>{WORD})(, held out)?",
    rf"{TIME}: (?P<name>{NAME}) reaches (?P<workflow>{WORD}) {WORD}(, goes [a-z ]+)?",
    rf"{TIME}: (?P<name>{NAME}) leaves (?P<workflow>{WORD}): [a-z ]+",
    rf"at the end (?P<name>{NAME}) (has finished|is in|is held out of) (?P<workflow>{WORD})( after {WORD})?",
    rf"at the end (?P<name>{NAME}) has left (?P<workflow>{WORD}): [a-z ]+",
    rf"by the end (?P<name>{NAME}) is mixed in (?P<workflow>{WORD})",
    r"of what landed \d+ rows? (?:is|are) set aside, \d+ values? left out",
    r"lint warns: [a-z' ]+",
    r"nobody (?:enters|leaves|reaches anything)",
)


def _sentence(line: str, people: Mapping[str, Person], workflows: Sequence[str], where: str) -> str:
    for pattern in SENTENCES:
        found = re.fullmatch(pattern, line)
        if found:
            parts = found.groupdict()
            if parts and (parts["workflow"] not in workflows or parts["name"] not in people):
                raise StoryError(f"{where}: '{line}' is about somebody or a workflow that is not in the story")
            return line
    raise StoryError(f"{where}: '{line}' cannot be checked. What can: {SENTENCES}")
