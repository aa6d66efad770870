"""A preview writes to a contact where the outbox would, by every channel that there is."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine_world import Engine
from rehearsal import NOW

from activations.channels.registry import CHANNELS
from activations.delivery.delivery import TEMPLATES
from dagster_project.preview.invented import INVENTED_CONTACT, PERSON, agree_to_all, invent_profile
from dagster_project.preview.showing import Showing, address_types_of
from dagster_project.warehouse import open_warehouse

SEED = Path(__file__).resolve().parents[2] / "dbt" / "seeds" / "channels.csv"
WITH_SEED = {row["channel"]: row["address_type"] for row in csv.DictReader(SEED.open())}
TOLD = json.dumps({"person": "shop_floor", "subject": "Alex waits", "text": "Call Alex"})
SAYS = {
    "email": ("send", "cart_reminder", "Alex"),
    "sms": ("send", "cart_reminder", "cart"),
    "whatsapp": ("send", "cart_reminder", "Alex"),
    "push": ("send", "cart_reminder", "cart"),
    "web_push": ("send", "cart_reminder", "cart"),
    "in_app": ("send", "cart_reminder", "cart"),
    "web": ("send", "browse_reminder", "text:"),
    "direct_mail": ("send", "reengagement_we_miss_you", "12 Mill Lane"),
    "webhook": ("send", "order_desk", '"contact_id":"-1"'),
    "slack": ("notify", None, "Alex"),
}
"""The kind, the template and a word of a message by each channel that carries some."""
NO_MESSAGES = {"profile", "audience", "crm", "crm_task", "teams", "file_drop"}
"""Teams has nobody in people.yml."""


def showing(profile: dict[str, Any]) -> Showing:
    return Showing(profile, NOW, TEMPLATES, {}, WITH_SEED)


def row(kind: str, channel: str, template: str | None) -> dict[str, Any]:
    context = {"cart_id": "cart-1", "cart_value": 49.9, "item_count": 2, "product_id": "SKU-1"}
    return {
        "action_id": 1,
        "workflow": "abandoned_cart",
        "step": "reminder",
        "enrollment_id": 1,
        "contact_id": INVENTED_CONTACT,
        "kind": kind,
        "channels": [channel],
        "template": template,
        "topic": "offers",
        "topic_kind": "promotional",
        "variant": None,
        "context": TOLD if kind == "notify" else json.dumps(context),
        "reached_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }


def test_every_channel_is_thought_of() -> None:
    assert SAYS.keys() | NO_MESSAGES == WITH_SEED.keys() == CHANNELS.keys()


@pytest.mark.parametrize("channel", SAYS)
def test_an_invented_contact_is_written_to_by_every_channel(channel: str) -> None:
    kind, template, word = SAYS[channel]
    profile = {"contact_id": INVENTED_CONTACT, **PERSON, "locale": "en-GB", "timezone": "Europe/London"}
    shown = showing(profile)._shown(row(kind, channel, template), [])
    ((_, sample),) = shown.samples
    assert "cannot be rendered" not in sample.text
    assert word in f"{sample.subject} {sample.text}"


@pytest.mark.parametrize("channel", WITH_SEED)
@pytest.mark.parametrize("kind", ["send", "notify"])
def test_who_cannot_be_reached_is_told(channel: str, kind: str) -> None:
    nobody = {"contact_id": 7, "email": None, "phone": None, "properties": None}
    _, template, _ = SAYS.get(channel, (None, "cart_reminder", None))
    shown = showing(nobody)._shown(row(kind, channel, template), [])
    assert len(shown.samples) == 1


def test_addresses_are_those_of_the_outbox(lived: Engine, tmp_path: Path) -> None:
    """As eligibility has them, which the outbox takes them from: of people there are, and of an invented one."""
    home = lived.copy(tmp_path / "home").home
    with open_warehouse(home) as connection:
        types = address_types_of(connection)
        assert types == WITH_SEED
        invented = invent_profile(connection, NOW)
        agree_to_all(connection, invented, NOW)
        found = connection.execute(
            "select changes.channel, changes.address, profiles.contact_id, email, phone, "
            "coalesce(properties, json '{}')::varchar "
            "from (select * from eligibility.eligibility_by_channel qualify row_number() over "
            "(partition by contact_id, channel, topic order by tick_end desc) = 1) as changes "
            "join (select * from contacts.contact_profile_versions qualify row_number() over "
            "(partition by contact_id order by valid_from desc) = 1) as profiles using (contact_id) "
            "where not changes.is_erased"
        ).fetchall()
    names = ("contact_id", "email", "phone", "properties")
    reached = {channel for channel, _, contact_id, *_ in found if contact_id == INVENTED_CONTACT}
    assert reached >= SAYS.keys() - {"slack"}
    assert len(found) > 1_000
    for channel, address, *values in found:
        assert showing(dict(zip(names, values, strict=True)))._address("send", channel) == address
