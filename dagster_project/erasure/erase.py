"""Erase people: everywhere they are kept, in an order in which whatever interrupts it leaves nothing that is sent."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from activations.collector.objections import forget_statements
from activations.delivery.delivery import TEMPLATES, default_receipts
from activations.erasure.erasure import erase_in_journal, erase_in_outbox, erase_in_sandbox
from activations.erasure.sought import Sought
from activations.erasure.suppression import open_suppression
from activations.errors import HourbellError
from activations.settings.environment import surface_profiles
from activations.spool import land_spool, spool_file
from activations.surfaces.erasure import erase_in_surfaces, needs_all_surfaces
from dagster_project.erasure.files import erase_in_damaged, erase_in_landing, erase_in_logs, holding, longer_addresses
from dagster_project.erasure.person import Person, find_person, plan_file, read_plan, remove_plan, write_plan
from dagster_project.erasure.rows import anonymiser_of
from dagster_project.erasure.warehouse import compact, erase_in_warehouse
from dagster_project.home import Home
from dagster_project.landing.collected import land_collected
from dagster_project.landing.load import load
from dagster_project.publish import publish
from dagster_project.warehouse import open_warehouse

EVENT = "Contact Erased"


@dataclass(frozen=True)
class Erased:
    """What was touched."""

    people: int
    actions: int
    """Taken out of the outbox."""
    landed_files: int
    received: int
    """Messages that the sandbox had received."""
    partners_files: tuple[str, ...] = ()
    """Which partners have: they are to be told."""


def find_people(home: Home, asked: Sequence[str], now: datetime) -> list[Person]:
    """The people of addresses, numbers or contact ids, each once; after those whose erasure was interrupted."""
    suppression = open_suppression(home.erased)
    unfinished = read_plan(home.erased)
    with open_warehouse(home) as connection:
        found = [find_person(connection, suppression, one, now) for one in asked]
    people = {person.pseudonym: person for person in [*found, *unfinished]}
    return list(people.values())


def erase(
    home: Home, people: Sequence[Person], now: datetime, told: Callable[[str], object] = lambda step: None
) -> Erased:
    """Erase people, and go on where an earlier erasure was interrupted. The caller holds the lock of the tick.

    Whatever the profile, the live one's surfaces and the sandbox's are meant. Raises HourbellError where something
    cannot be found or written, or still holds them afterwards; running it again goes on.
    """
    profiles, journal_url = surface_profiles(), home.journal_url
    needs_all_surfaces(profiles, home.root)
    # first of all nothing more of them comes in, and who they are is kept until all is done
    write_plan(home.erased, people)
    suppression = open_suppression(home.erased)
    for person in people:
        suppression = suppression.with_people(person.hashes(suppression))
    try:
        suppression.write(home.erased)
    except OSError as error:
        raise HourbellError(f"Cannot write to {home.erased}: {error.strerror}. Nothing was erased yet.") from error
    words = sorted({word for person in people for word in person.words})
    identifiers = [known for person in people for known in person.identifiers]
    renamed = {old: new for person in people for old, new in person.renamed(suppression).items()}
    anonymiser = anonymiser_of(suppression, words)

    told("outbox")
    receipts = default_receipts(home.spool)
    actions = erase_in_outbox(home.outbox, TEMPLATES, journal_url, receipts, frozenset(renamed), now=now)
    told("journal and receipts")
    for kept in home.journal_urls:
        erase_in_journal(kept, receipts, renamed, anonymiser)
    told("landing")
    _land_what_waits(home, people, now)
    sought = Sought.of(identifiers, longer_addresses(home, identifiers))
    landed = erase_in_landing(home, anonymiser)
    erase_in_damaged(home, sought, words)
    told("warehouse")
    erase_in_warehouse(home, people, anonymiser)
    compact(home)
    told("published marts")
    _publish_anew(home)
    told("surfaces, sandbox and logs")
    surfaces = erase_in_surfaces(profiles, home.root, renamed.keys(), identifiers, now=now)
    received = erase_in_sandbox(home.sandbox, sought, words, renamed)
    erase_in_logs(home, sought)
    told("a last look")
    if left := holding(home, sought, but=plan_file(home.erased)):
        raise HourbellError(
            "These files are none that Hourbell writes, or are written just now, and still hold an address or an id: "
            f"{', '.join(map(str, left))}. Remove them, then run `hourbell erase` again."
        )
    remove_plan(home.erased)
    return Erased(len(people), actions, landed, received, tuple(surfaces.partners_files))


def _land_what_waits(home: Home, people: Sequence[Person], now: datetime) -> None:
    """What waits in the spool and at the collector lands without them, and so does the event by which the next tick
    knows that they are forgotten."""
    land_collected(home)
    forget_statements(home.collected, [known for person in people for known in person.identifiers])
    for person in people:
        happened = datetime.fromisoformat(person.at)
        row = {
            "message_id": f"{person.pseudonym}-{happened:%Y%m%dT%H%M%S%f}",
            "type": "track",
            "event": EVENT,
            "user_id": person.pseudonym,
            "source": "hourbell",
            "occurred_at": happened,
        }
        spool_file(home.spool, "events", pl.DataFrame([row]))

    def land(spool: Path) -> None:
        load(spool, home.landing, now)

    land_spool(home.spool, land)


def _publish_anew(home: Home) -> None:
    """Readers get the marts as they are now, and no older copy is kept; pages list the ids behind a number, and are
    built anew after the next tick."""
    if home.reports.is_dir():
        shutil.rmtree(home.reports)
    if not home.published.is_dir():
        return
    with open_warehouse(home) as connection:
        publish(connection, home.published, keep=1)
