"""Text without the people who were erased."""

import json
import re
from pathlib import Path

import pytest

from activations.erasure.anonymising import KEPT_KEYS, Anonymiser
from activations.erasure.suppression import NUMBER, Suppression
from dagster_project.landing.addresses import normal_email, normal_phone

DBT = Path(__file__).resolve().parents[2] / "dbt"
ADA, NUMBER_OF_HERS = "ada@mail.example", 123_456_789_012_345_678


@pytest.fixture
def anonymiser() -> Anonymiser:
    suppression = Suppression(b"a key of the test", {})
    kinds = (("email", ADA), ("phone", "+447700900123"), (NUMBER, str(NUMBER_OF_HERS)))
    known = suppression.with_people({(kind, suppression.hashed(kind, value)): "erased-1" for kind, value in kinds})
    return Anonymiser(known, normal_email, lambda given: normal_phone(given, None), ["Ada", "Lovelace"])


def test_every_path_that_a_model_reads_stays() -> None:
    """Else a figure would be another after an erasure."""
    read = {
        name
        for folder in ("models", "macros")
        for path in (DBT / folder).rglob("*.sql")
        for found in re.findall(r"'\$\.([a-z_.]+)'", path.read_text())
        for name in found.split(".")
    }
    # nothing stays by which somebody is reached
    assert read - {"address", "token"} <= KEPT_KEYS
    assert {"cart_id", "campaign", "score"} <= read


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("write to ADA@Mail.example, or bob@mail.example.", "write to erased, or bob@mail.example."),
        ("https://shop.example/?ref=ada@mail.example&x=1", "https://shop.example/?ref=erased&x=1"),
        ("to nada@mail.example and mary.ada@mail.example", "to nada@mail.example and mary.ada@mail.example"),
        ("call +44 7700 900123 or +44 7700 900124", "call erased or +44 7700 900124"),
        ("call 0044 7700 900-123", "call erased"),
        ("order 4711 of Ada", "order 4711 of Ada"),
        ("2026-03-02 10:00:00.123456 +00:00", "2026-03-02 10:00:00.123456 +00:00"),
    ],
)
def test_anybodys_text_loses_the_addresses_of_the_erased(anonymiser: Anonymiser, text: str, without: str) -> None:
    assert anonymiser.text(text) == without


def test_ids_of_theirs_are_others(anonymiser: Anonymiser) -> None:
    new = anonymiser.suppression.new_id(NUMBER_OF_HERS)
    assert anonymiser.text(f"action {NUMBER_OF_HERS}, 123456789012345679") == f"action {new}, 123456789012345679"
    assert anonymiser.own_id(f"<{NUMBER_OF_HERS}.hourbell@shop.example>") == f"<{new}.hourbell@shop.example>"


def test_what_a_row_is_known_by_stays_its_own(anonymiser: Anonymiser) -> None:
    """Two that name the erased are still two, and a repeated one is the same."""
    new = anonymiser.suppression.new_id(NUMBER_OF_HERS)
    assert anonymiser.key(f"in-app-{NUMBER_OF_HERS}-read") == f"in-app-{new}-read"
    cards = [anonymiser.key(f"till:{what}-{who}") for what in ("card", "gift") for who in (ADA, ADA.upper(), ADA)]
    assert len(set(cards)) == 4
    assert not any(ADA in str(each).lower() for each in cards)
    for others in ("till:card-bob@mail.example", "till:20260303T160500123456", "", None):
        assert anonymiser.key(others) == others


def test_their_json_keeps_what_it_was_about(anonymiser: Anonymiser) -> None:
    said = {
        "product_id": "SKU-1",
        "price": 3.5,
        "name": "A gift for Ada",
        "note": "call me",
        "ip": "203.0.113.9",
        "url": "https://shop.example/p?email=ada@mail.example&utm_source=news&token=x#me",
        "products": [{"sku": "S", "quantity": 2, "engraving": "Lovelace"}],
        "action_id": NUMBER_OF_HERS,
    }
    kept = json.loads(anonymiser.own_json(json.dumps(said)) or "")
    assert kept == {
        "product_id": "SKU-1",
        "price": 3.5,
        "name": "A gift for erased",
        "url": "https://shop.example/p?utm_source=news",
        "products": [{"sku": "S", "quantity": 2}],
        "action_id": anonymiser.suppression.new_id(NUMBER_OF_HERS),
    }
    assert anonymiser.own_json("no json") is None
