"""Files for partners: what is in them, that each action is in one, and that they can be believed."""

import asyncio
import csv
import dataclasses
import hashlib
import io
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from moto.server import ThreadedMotoServer
from rehearsal import NOW, Place, action, write_outbox
from surface import Surface

from activations.channels import file_drop
from activations.channels.face import Setting, UnsendableError
from activations.delivery.delivery import DeliveryStoppedError
from activations.delivery.outbox import SCHEMA, Action
from activations.errors import HourbellError
from activations.keys.aws_signing import Credentials, signed_headers
from activations.keys.drop_key import drop_key
from activations.settings.profile import Profile, SmtpServer, live_profile
from activations.surfaces import drop_ledger
from activations.surfaces.drop_files import MANIFEST, SIGNATURE, drop_file
from activations.surfaces.drop_places import BucketPlace, FolderPlace, NotDroppedError, UnclearDropError, open_place
from activations.surfaces.drop_settings import Drop, read_drops
from activations.transport.http import AnswerLostError, HttpAnswer, HttpPool

HOME = {"street": "12 Mill Lane", "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}
DROPS = """
letters: {url: file:///srv/letters, format: csv, columns: [salutation, offer]}
calls: {url: file:///srv/calls, format: parquet, columns: [phone, note]}
"""
LETTER = "drop: letters\ncolumns: {salutation: 'Dear {{ contact.first_name }}', offer: '{{ context.offer }}'}"
CALL = "drop: calls\ncolumns: {phone: '{{ contact.phone }}', note: '{{ context.offer }}'}"


@pytest.fixture
def office(surface: Surface, own_templates: Callable[..., Path]) -> Surface:
    surface.templates = own_templates(drops=DROPS, letter__row=LETTER, call__row=CALL, impersonal__row="drop: letters")
    return surface


def letter_action(number: int, offer: str = "ten percent", **changes: Any) -> dict[str, Any]:
    ours = {
        "channel": "direct_mail",
        "address": json.dumps(HOME),
        "template": "letter",
        "profile": json.dumps(
            {"user_id": f"u{number}", "first_name": "Ann", "last_name": "Doe", "phone": "+447700900001"}
        ),
        "context": json.dumps({"offer": offer}),
    }
    return action(number, **{**ours, **changes})


def call_action(number: int, **changes: Any) -> dict[str, Any]:
    return letter_action(number, **{"channel": "file_drop", "kind": "drop_row", "template": "call", **changes})


def folder(office: Surface, drop: str = "letters") -> Path:
    return office.place.root / "sandbox" / "drops" / drop


def dropped(office: Surface, drop: str = "letters") -> list[Path]:
    """The files that are there for the partner: those with a signature."""
    return sorted(
        path.with_name(path.name.removesuffix(SIGNATURE)) for path in folder(office, drop).glob(f"*{SIGNATURE}")
    )


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def actions_of(office: Surface) -> Counter[str]:
    """How often each action is in a file that is there."""
    return Counter(row["action_id"] for path in dropped(office) for row in rows(path))


def put(office: Surface, *written: dict[str, Any]) -> None:
    write_outbox(office.place.outbox, written, channel=written[0]["channel"])
    assert office.deliver().accepted == len(written)


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


class _Dies(BaseException):
    """As a process that is killed."""


@dataclasses.dataclass(frozen=True)
class _Frail:
    """A place at which the process dies, or which fails, as it puts what ends so: before it is there, or after."""

    place: FolderPlace
    ending: str
    is_there: bool
    how: Callable[[], BaseException]
    moments: list[int]

    async def put(self, name: str, content: bytes) -> None:
        is_it = (name.endswith(self.ending) if self.ending else "manifest" not in name) and self.moments
        if is_it and not self.is_there:
            self.moments.pop()
            raise self.how()
        await self.place.put(name, content)
        if is_it:
            self.moments.pop()
            raise self.how()

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def frail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the next opened places fail once."""

    def make(ending: str, is_there: bool, how: Callable[[], BaseException], times: int = 1) -> None:
        moments = [1] * times

        def opened(drop: Drop, profile: Profile, rehearsals: Path, now: Callable[[], datetime]) -> Any:
            return _Frail(FolderPlace(rehearsals / drop.name), ending, is_there, how, moments)

        monkeypatch.setattr(file_drop, "open_place", opened)

    return make


ENDINGS = pytest.mark.parametrize("ending", ["", MANIFEST, SIGNATURE], ids=["content", "manifest", "signature"])
THERE = pytest.mark.parametrize("is_there", [False, True], ids=["before", "after"])


@ENDINGS
@THERE
@pytest.mark.parametrize("changed", [False, True], ids=["same batch", "another batch"])
def test_killed_while_dropping_and_run_again(
    office: Surface, frail: Callable[..., None], ending: str, is_there: bool, changed: bool
) -> None:
    """The next delivery may compose another batch, because something has expired by then; all are in one file."""
    written = [letter_action(number) for number in range(5)]
    if changed:
        written[2]["expires_at"] = NOW + timedelta(hours=1)
    write_outbox(office.place.outbox, written, channel="direct_mail")
    frail(ending, is_there, _Dies)
    with pytest.raises(_Dies):
        office.deliver()
    assert len(dropped(office)) == (ending == SIGNATURE and is_there)
    office.now = NOW + timedelta(hours=2)
    account = office.deliver()
    began = ending == SIGNATURE
    assert account.accepted == 5 if began or not changed else 4
    assert account.expired == (changed and not began)
    found = actions_of(office)
    assert set(found.values()) == {1}
    assert len(found) == account.accepted, "whatever is said to be dropped is, and nothing else"
    assert office.deliver().already_settled == 5


@ENDINGS
def test_a_place_that_refuses_loses_nothing(office: Surface, frail: Callable[..., None], ending: str) -> None:
    write_outbox(office.place.outbox, [letter_action(1), letter_action(2)], channel="direct_mail")
    frail(ending, False, lambda: NotDroppedError("the bucket is gone"), times=1)
    account = office.deliver()
    assert (account.waiting, account.accepted) == (2, 0)
    assert dropped(office) == []
    assert office.deliver().accepted == 2
    assert set(actions_of(office).values()) == {1}


@ENDINGS
@THERE
def test_an_answer_that_is_lost_is_found_out_about(
    office: Surface, frail: Callable[..., None], ending: str, is_there: bool
) -> None:
    write_outbox(office.place.outbox, [letter_action(1), letter_action(2)], channel="direct_mail")
    frail(ending, is_there, lambda: UnclearDropError("the answer was lost"))
    assert office.deliver().accepted == 2
    assert set(actions_of(office).values()) == {1}


def test_while_it_cannot_be_found_out_nothing_is_settled(office: Surface, frail: Callable[..., None]) -> None:
    write_outbox(office.place.outbox, [letter_action(1)], channel="direct_mail")
    frail(SIGNATURE, True, lambda: UnclearDropError("the answer was lost"), times=2)
    with pytest.raises(DeliveryStoppedError, match="cannot be found out"):
        office.deliver()
    office.now = NOW + timedelta(days=2)
    assert office.deliver().accepted == 1, "it was there, though it would be late by now"
    assert set(actions_of(office).values()) == {1}


def test_the_mutant_without_a_ledger_is_caught(
    office: Surface, frail: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file written twice under two names: the second batch is another, because something has expired."""
    written = [letter_action(1), letter_action(2, expires_at=NOW + timedelta(hours=1))]
    write_outbox(office.place.outbox, written, channel="direct_mail")
    frail(SIGNATURE, True, _Dies)
    with pytest.raises(_Dies):
        office.deliver()
    monkeypatch.setattr(drop_ledger.DropLedger, "_names", lambda ledger, action_ids: {})
    monkeypatch.setattr(drop_ledger.DropLedger, "_stage", lambda ledger, file, action_ids: None)
    office.now = NOW + timedelta(hours=2)
    office.deliver()
    assert max(actions_of(office).values()) == 2


def setting(office: Surface) -> Setting:
    return Setting(office.place.profile(1), lambda: NOW, office.place.spool, office.templates)


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


# a bucket

SECRETS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "lent")
BUCKET = Drop("letters", "s3://letters/of/ours", "csv", (), region="eu-west-1")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A store that speaks S3, on this machine; its bucket is letters."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client(f"http://{host}:{port}").create_bucket(
        Bucket="letters", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    yield f"http://{host}:{port}"
    server.stop()


def client(url: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def bucket(url: str, place: Place, pool: HttpPool | None = None) -> BucketPlace:
    pool = pool or HttpPool(place.profile(1))
    return BucketPlace(pool, f"{url}/letters/of/ours", "eu-west-1", SECRETS, "HOURBELL_TOKEN_LETTERS", lambda: NOW)


def test_a_bucket_has_the_files_whole_and_once(office: Surface, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_drop, "open_place", lambda *_: bucket(store, office.place))
    put(office, letter_action(1), letter_action(2))
    assert office.deliver().already_settled == 2
    objects = client(store).list_objects_v2(Bucket="letters")["Contents"]
    names = sorted(each["Key"].removeprefix("of/ours/") for each in objects)
    assert names == [names[0], names[0] + MANIFEST, names[0] + SIGNATURE]
    content = client(store).get_object(Bucket="letters", Key=objects[0]["Key"])["Body"].read()
    assert [row["salutation"] for row in csv.DictReader(io.StringIO(content.decode()))] == ["Dear Ann", "Dear Ann"]


async def _put(place: BucketPlace) -> None:
    try:
        await place.put("a.csv", b"x")
    finally:
        await place.close()


def test_a_bucket_that_is_not_there_is_told(store: str, place: Place) -> None:
    elsewhere = dataclasses.replace(bucket(store, place), url=f"{store}/nobodys")
    with pytest.raises(NotDroppedError, match=r"says 404 .* Mend the bucket in drops.yml, or HOURBELL_TOKEN_LETTERS"):
        asyncio.run(_put(elsewhere))
    with pytest.raises(NotDroppedError, match="does not answer"):
        asyncio.run(_put(bucket("http://127.0.0.1:1", place)))
    pool = HttpPool(place.profile(1), resolve=_outside)
    with pytest.raises(NotDroppedError, match="stays on this machine"):
        asyncio.run(_put(bucket("https://s3.eu-west-1.amazonaws.example", place, pool)))


async def _outside(host: str, port: int) -> list[Any]:
    return [(2, ("93.184.216.34", port))]


@dataclasses.dataclass
class _Says:
    """A pool that answers so."""

    status: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    async def post(self, *_: Any, **__: Any) -> HttpAnswer:
        if not self.status:
            raise AnswerLostError("the answer was lost")
        return HttpAnswer(self.status, "", self.headers, "")

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.mark.parametrize(
    ("status", "headers", "kind", "rest"),
    [
        (0, {}, UnclearDropError, None),
        (500, {}, UnclearDropError, None),
        (503, {"Retry-After": "7"}, NotDroppedError, 7.0),
        (429, {}, NotDroppedError, None),
        (403, {}, NotDroppedError, None),
        (301, {}, NotDroppedError, None),
    ],
)
def test_each_answer_of_a_bucket_has_its_meaning(
    place: Place, status: int, headers: Mapping[str, str], kind: type[Exception], rest: float | None
) -> None:
    with pytest.raises(kind) as told:
        asyncio.run(_put(bucket("http://127.0.0.1:1", place, _Says(status, headers))))  # type: ignore[arg-type]
    if isinstance(told.value, NotDroppedError):
        assert (told.value.rest, told.value.is_later) == (rest, status in (429, 503))


def test_requests_are_signed_as_amazons_own_library_does() -> None:
    url, body = "https://s3.eu-west-1.amazonaws.com/letters/of/ours/letters-20260302T100000Z-0a.csv", b"a,b\r\n"
    headers = {"content-type": "text/csv", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    ours = signed_headers(SECRETS, "eu-west-1", "s3", url, headers, body, NOW, "PUT")
    theirs = AWSRequest("PUT", url, headers={**headers, "X-Amz-Security-Token": "lent"}, data=body)
    signer = S3SigV4Auth(BotoCredentials(SECRETS.key, SECRETS.secret, SECRETS.session), "s3", "eu-west-1")
    theirs.context["timestamp"] = f"{NOW:%Y%m%dT%H%M%SZ}"
    theirs.headers["X-Amz-Date"] = theirs.context["timestamp"]
    wanted = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert ours["authorization"].endswith(f"Signature={wanted}")


def test_a_live_profile_drops_where_it_is_told(tmp_path: Path) -> None:
    live = Profile("live", SmtpServer("mail.shop.example", 587), tokens={"LETTERS": "AKID:hush"})
    opened = open_place(BUCKET, live, tmp_path, lambda: NOW)
    assert isinstance(opened, BucketPlace)
    assert opened.url == "https://s3.eu-west-1.amazonaws.com/letters/of/ours"
    assert "hush" not in repr(opened)
    other = dataclasses.replace(BUCKET, endpoint="https://s3.store.example", url="s3://letters")
    elsewhere = open_place(other, live, tmp_path, lambda: NOW)
    assert isinstance(elsewhere, BucketPlace)
    assert elsewhere.url == "https://s3.store.example/letters"
    local = dataclasses.replace(BUCKET, url="file:///srv/letters")
    assert open_place(local, live, tmp_path, lambda: NOW) == FolderPlace(Path("/srv/letters"))
    rehearsed = dataclasses.replace(live, name="sandbox")
    assert open_place(local, rehearsed, tmp_path, lambda: NOW) == FolderPlace(tmp_path / "letters")
    for token in ("hush", "hush:", ":hush", "a:b:c:hush"):
        with pytest.raises(HourbellError, match="HOURBELL_TOKEN_LETTERS must be") as refused:
            open_place(BUCKET, dataclasses.replace(live, tokens={"LETTERS": token}), tmp_path, lambda: NOW)
        assert "hush" not in str(refused.value)


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
