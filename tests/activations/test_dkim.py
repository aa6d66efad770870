"""E-mails are signed so that an independent verifier accepts them, and a change of one bit is found."""

import base64
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearsal import NOW, Place, action, write_outbox

from activations import mime
from activations.delivery.delivery import deliver
from activations.errors import HourbellError
from activations.journal.place import sqlite_url
from activations.keys.dkim import DkimKey, dkim_key, signed
from activations.sandbox.server import Sandbox
from activations.sandbox.store import messages
from activations.settings.environment import open_profile


@cache
def own_key() -> DkimKey:
    return DkimKey("hourbell", rsa.generate_private_key(65537, 1024))


def verifies(content: bytes, key: DkimKey) -> bool:
    public = key.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def dns(name: bytes, timeout: float = 5) -> bytes | None:
        if name != b"hourbell._domainkey.shop.example.":
            return None
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    return bool(dkim.verify(content, dnsfunc=dns))


def send(place: Place, sandbox: Sandbox, key: DkimKey | None, *rows: dict[str, object]) -> list[bytes]:
    write_outbox(place.outbox, rows)
    profile = replace(place.profile(sandbox.port), dkim=key)
    deliver(place.outbox, sqlite_url(place.journal), spool=place.spool, profile=profile, now=NOW)
    return [message.content for message in messages(place.received)]


def test_what_arrives_is_signed_with_both_list_headers(place: Place, sandbox: Sandbox) -> None:
    name = '{"first_name": "Zoë   Ann\\n Ünal"}'
    rows = [action(number, template="cart_incentive", profile=name) for number in range(3)]
    contents = send(place, sandbox, own_key(), *rows)
    assert len(contents) == 3
    for content in contents:
        assert verifies(content, own_key())
    (message, *_) = messages(place.received)
    signature = "".join(message.email["DKIM-Signature"].split())
    tags = dict(tag.split("=", 1) for tag in signature.split(";"))
    assert tags["d"] == "shop.example"
    covered = tags["h"].lower().split(":")
    for header in ("from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"):
        assert covered.count(header) == 2, "also against one that is added"
    assert int(tags["t"]) == int(parsedate_to_datetime(message.email["Date"]).timestamp())


def test_a_change_is_found(place: Place, sandbox: Sandbox) -> None:
    (content,) = send(place, sandbox, own_key(), action(1))
    for old, new in (
        (b"List-Unsubscribe: <https://", b"List-Unsubscribe: <http://"),
        (b"List-Unsubscribe-Post: List", b"List-Unsubscribe-Post: Lost"),
        (b"To: person1@", b"To: person2@"),
        (b"\r\nSubject:", b"\r\nFrom: x@evil.example\r\nSubject:"),
        (b"\r\nSubject:", b"\r\nList-Unsubscribe: <https://evil.example>\r\nSubject:"),
    ):
        assert old in content
        assert not verifies(content.replace(old, new, 1), own_key())
    changed = bytearray(content)
    changed[-200] ^= 1
    assert not verifies(bytes(changed), own_key())


def test_a_transactional_message_is_protected_against_such_headers(place: Place, sandbox: Sandbox) -> None:
    (content,) = send(place, sandbox, own_key(), action(1, topic="orders", topic_kind="transactional"))
    assert verifies(content, own_key())
    assert b"\r\nList-Unsubscribe" not in content.partition(b"\r\nFrom")[2]
    added = content.replace(b"\r\nSubject:", b"\r\nList-Unsubscribe: <https://evil.example>\r\nSubject:", 1)
    assert not verifies(added, own_key())


def test_the_same_action_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        place = Place(tmp_path / name)
        with Sandbox(place.received) as sandbox:
            made.append(send(place, sandbox, own_key(), action(1)))
    assert made[0] == made[1]
    place = Place(tmp_path / "three")
    with Sandbox(place.received) as sandbox:
        assert not send(place, sandbox, None, action(1))[0].startswith(b"DKIM")


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=300)


@settings(max_examples=60, deadline=None)
@given(subject=TEXT, text=TEXT, html=TEXT)
def test_any_message_verifies(subject: str, text: str, html: str) -> None:
    headers = {"From": mime.mailbox("Shop", "a@shop.example"), "Subject": subject, "Date": mime.date(NOW)}
    content = mime.email_bytes(headers, text=text, html=html, boundary="=_x")
    moment = NOW + timedelta(seconds=1)
    assert verifies(signed(content, own_key(), domain="shop.example", signed_at=moment), own_key())


@settings(max_examples=200, deadline=None)
@given(body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b".", b"  b "]), max_size=12).map(b"".join))
def test_spaces_and_ends_are_relaxed_as_the_verifier_relaxes_them(body: bytes) -> None:
    content = b"From: a@shop.example\r\nSubject:   x \t y\r\n z\r\n\r\nx" + body + b"\r\n"
    assert verifies(signed(content, own_key(), domain="shop.example", signed_at=NOW), own_key())


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: bytes | None = None) -> bytes:
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        hidden = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


def test_the_environment_names_the_key(tmp_path: Path) -> None:
    path = tmp_path / "dkim.pem"
    path.write_bytes(pem(own_key().key))
    environment = {"HOURBELL_DKIM_KEY_FILE": str(path), "HOURBELL_DKIM_SELECTOR": "hourbell"}
    with open_profile(tmp_path / "sandbox", environment) as profile:
        assert profile.dkim is not None
        assert "PRIVATE" not in repr(profile)
    assert dkim_key({}) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(own_key().key, b"x"),
    ],
)
def test_a_key_that_cannot_be_used_is_explained_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dkim.pem"
    path.write_bytes(content)
    with pytest.raises(HourbellError, match="HOURBELL_DKIM_KEY_FILE") as raised:
        dkim_key({"HOURBELL_DKIM_KEY_FILE": str(path), "HOURBELL_DKIM_SELECTOR": "hourbell"})
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(("path", "selector"), [("", "x"), ("x", ""), ("x", "a b"), ("x", "a;b"), ("/no/where", "x")])
def test_half_a_setting_is_explained(path: str, selector: str) -> None:
    with pytest.raises(HourbellError, match="HOURBELL_DKIM"):
        dkim_key({"HOURBELL_DKIM_KEY_FILE": path, "HOURBELL_DKIM_SELECTOR": selector})
