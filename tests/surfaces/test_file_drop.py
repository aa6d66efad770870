"""Files for partners: what is in them, that they can be believed, and what is refused."""

import csv
import dataclasses
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from file_drops import HOME, call_action, dropped, letter_action, put, rows, setting
from rehearsal import NOW, write_outbox
from surface import Surface

from activations.channels import file_drop
from activations.channels.face import UnsendableError
from activations.delivery.outbox import SCHEMA, Action
from activations.errors import HourbellError
from activations.keys.drop_key import drop_key
from activations.settings.environment import live_profile
from activations.surfaces.drop_files import MANIFEST, SIGNATURE, drop_file
from activations.surfaces.drop_settings import Drop, read_drops


def test_letters_come_as_one_signed_file(office: Surface) -> None:
    put(office, letter_action(1), letter_action(2))
    [path] = dropped(office)
    first, second = rows(path)
    assert first == {
        "action_id": str(letter_action(1)["action_id"]),
        "name": "Ann Doe",
        "street_address": "12 Mill Lane",
        "city": "BATH",
        "postal_code": "BA1 1AA",
        "country_area": "",
        "country_code": "GB",
        "salutation": "Dear Ann",
        "offer": "ten percent",
    }
    assert second["action_id"] == str(letter_action(2)["action_id"])
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert path.name == f"letters-20260302T100000Z-{digest[:16]}.csv"
    manifest = json.loads(path.with_name(path.name + MANIFEST).read_bytes())
    assert (manifest["file"], manifest["rows"], manifest["bytes"]) == (path.name, 2, len(content))
    assert (manifest["sha256"], manifest["columns"]) == (digest, list(first))
    left = {each.name.removeprefix(path.name) for each in path.parent.iterdir()}
    assert left == {"", MANIFEST, SIGNATURE}, "nothing unfinished is beside it"


def test_the_signature_can_be_looked_at_without_us(office: Surface, tmp_path: Path) -> None:
    put(office, letter_action(1))
    [path] = dropped(office)
    manifest, signature = (path.with_name(path.name + ending) for ending in (MANIFEST, SIGNATURE))
    key = office.place.profile(1).drop_key
    assert key is not None
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    public.verify(signature.read_bytes(), manifest.read_bytes())
    changed = manifest.read_bytes().replace(b'"rows": 1', b'"rows": 2')
    with pytest.raises(InvalidSignature):
        public.verify(signature.read_bytes(), changed)
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    pem = tmp_path / "public.pem"
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(pem), "-rawin", "-sigfile", str(signature)]
    assert subprocess.run([*command, "-in", str(manifest)], check=False, capture_output=True).returncode == 0
    manifest.write_bytes(changed)
    assert subprocess.run([*command, "-in", str(manifest)], check=False, capture_output=True).returncode != 0


@pytest.mark.parametrize("formula", ["=1+1", "+447700900001", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])
def test_no_spreadsheet_works_anything_out(formula: str) -> None:
    drop = Drop("calls", "file:///calls", "csv", ("note", "other"))
    row = {"action_id": "-1", "note": formula, "other": f"x{formula}"}
    content = drop_file(drop, ["action_id", *drop.columns], [row], NOW, b"k" * 32).content.decode()
    [read] = csv.DictReader(io.StringIO(content, newline=""))
    assert read == {"action_id": "-1", "note": f"'{formula}", "other": f"x{formula}"}
    parquet = drop_file(dataclasses.replace(drop, format="parquet"), ["note"], [row], NOW, b"k" * 32).content
    assert pq.read_table(io.BytesIO(parquet)).to_pylist() == [{"note": formula}]


def test_what_a_contact_writes_stays_in_its_cell(office: Surface) -> None:
    nasty = 'a","b\r\n"=1+1'
    put(
        office,
        letter_action(1, offer=nasty),
        letter_action(2, offer="=1+1", address=json.dumps({**HOME, "street": "@x"})),
    )
    [path] = dropped(office)
    first, second = csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert first["offer"] == nasty
    assert (second["offer"], second["street_address"]) == ("'=1+1", "'@x")


def test_rows_that_are_no_letters_may_be_parquet_as_they_are(office: Surface) -> None:
    put(office, call_action(1), call_action(2))
    [path] = dropped(office, "calls")
    assert pq.read_table(path).to_pylist() == [
        {"action_id": str(call_action(number)["action_id"]), "phone": "+447700900001", "note": "ten percent"}
        for number in (1, 2)
    ]
    assert path.suffix == ".parquet"


def test_the_same_batch_again_is_the_same_file(office: Surface) -> None:
    put(office, letter_action(1), letter_action(2))
    [before] = dropped(office)
    office.place.journal.unlink()
    for receipts in office.place.receipts.rglob("*"):
        receipts.unlink()
    assert office.deliver().accepted == 2, "nobody but the ledger remembers"
    assert dropped(office) == [before]
    # and where even that is gone, the same rows have the same name
    (office.place.root / "sandbox" / "surfaces.sqlite").unlink()
    office.place.journal.unlink()
    for receipts in office.place.receipts.rglob("*"):
        receipts.unlink()
    assert office.deliver().accepted == 2
    assert dropped(office) == [before]


def test_what_was_dropped_is_not_kept_here(office: Surface) -> None:
    put(office, letter_action(1))
    assert b"Mill Lane" not in (office.place.root / "sandbox" / "surfaces.sqlite").read_bytes()
    with sa.create_engine(f"sqlite:///{office.place.root}/sandbox/surfaces.sqlite").connect() as connection:
        [row] = connection.execute(sa.text("select * from drop_files")).mappings()
    assert (row["content"], row["manifest"], row["signature"]) == (None, None, None)
    office.now = NOW + timedelta(days=31)
    write_outbox(office.place.outbox, [letter_action(2, expires_at=None)], channel="direct_mail", tick_end=office.now)
    office.deliver()
    with sa.create_engine(f"sqlite:///{office.place.root}/sandbox/surfaces.sqlite").connect() as connection:
        assert connection.execute(sa.text("select count(*) from drop_rows")).scalar() == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"address": None}, "no postal address"),
        ({"address": "12 Mill Lane, Bath"}, "not one of parts"),
        ({"address": "[]"}, "not one of parts"),
        ({"address": json.dumps({**HOME, "postalCode": "12345"})}, "postal_code is invalid"),
        ({"address": json.dumps({**HOME, "street": ""})}, "street_address is required"),
        ({"address": json.dumps({**HOME, "country": "Utopia"})}, "country_code is invalid"),
        ({"address": json.dumps({"street": "x"})}, "country_code is required"),
        ({"profile": '{"user_id": "u1"}', "template": "impersonal"}, "no name to write on a letter"),
        ({"context": "{}"}, "needs context.offer"),
        ({"template": "cart_reminder"}, "lacks row.yml"),
    ],
)
def test_what_cannot_be_dropped_says_why_and_quotes_no_address(
    office: Surface, changes: dict[str, Any], reason: str
) -> None:
    row = letter_action(1, **changes)
    with pytest.raises(UnsendableError, match=reason) as refused:
        file_drop.open_letters(setting(office)).render(
            Action(**{name: row[name] for name in SCHEMA.names}), "hourbell-1"
        )
    assert "Mill Lane" not in str(refused.value)
    assert "12345" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[]\n", ""),
        ("[1]", "holds no drops"),
        ("a b: {}", "must be a plain name"),
        ("x: {url: file:///a, format: csv}", "must have url, format and columns"),
        ("x: {url: file:///a, format: xml, columns: []}", "csv or parquet"),
        ("x: {url: file:///a, format: csv, columns: [a b]}", "a list of plain names"),
        ("x: {url: file:///a, format: csv, columns: [city]}", "columns that are there already"),
        ("x: {url: file:///a, format: csv, columns: [a, a]}", "columns that are there already"),
        ("x: {url: file://host/a, format: csv, columns: []}", "must have a url such as"),
        ("x: {url: /srv/a, format: csv, columns: []}", "must have a url such as"),
        ("x: {url: s3://B/a, format: csv, columns: [], region: eu-west-1}", "must have a url such as"),
        ("x: {url: s3://bucket/a b, format: csv, columns: [], region: eu-west-1}", "must have a url such as"),
        ("x: {url: s3://bucket/a, format: csv, columns: []}", "must have its region"),
        (
            "x: {url: s3://bucket, format: csv, columns: [], region: r, endpoint: http://x}",
            "has an endpoint that must begin",
        ),
        ("x: {url: file:///a, format: csv, columns: [], region: r}", "has no region"),
    ],
)
def test_drops_that_cannot_be_are_explained(own_templates: Callable[..., Path], written: str, told: str) -> None:
    templates = own_templates(drops=written)
    if not told:
        assert read_drops(templates) == {}
        return
    with pytest.raises(HourbellError, match=told):
        read_drops(templates)


def test_a_live_profile_signs_with_its_own_key(tmp_path: Path, office: Surface) -> None:
    file = tmp_path / "key.pem"
    own = Ed25519PrivateKey.generate()
    file.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    environment = {
        "HOURBELL_PROFILE": "live",
        "HOURBELL_SMTP_URL": "smtp://mail.shop.example",
        "HOURBELL_ALLOWED_HOSTS": "mail.shop.example",
        "HOURBELL_LINK_KEY": "0123456789abcdef",
    }
    with_key = live_profile({**environment, "HOURBELL_DROP_KEY_FILE": str(file)})
    assert with_key.drop_key == own.private_bytes_raw()
    assert repr(own.private_bytes_raw()) not in repr(with_key)
    without = dataclasses.replace(setting(office), profile=live_profile(environment))
    with pytest.raises(HourbellError, match="there is no key"):
        file_drop.open_rows(without)


@pytest.mark.parametrize("written", [None, "no key", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_cannot_be_is_explained(tmp_path: Path, written: str | None) -> None:
    file = tmp_path / "key.pem"
    if written is not None:
        file.write_text(written)
    with pytest.raises(HourbellError, match="HOURBELL_DROP_KEY_FILE") as refused:
        drop_key({"HOURBELL_DROP_KEY_FILE": str(file)})
    assert "hush" not in str(refused.value)
