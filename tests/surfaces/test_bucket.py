"""Files for partners in a bucket: whole, once, and signed for as Amazon's own library does."""

import asyncio
import csv
import dataclasses
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from file_drops import letter_action, put
from moto.server import ThreadedMotoServer
from rehearsal import NOW, Place
from surface import Surface

from activations.channels import file_drop
from activations.errors import HourbellError
from activations.keys.aws_signing import Credentials, signed_headers
from activations.settings.profile import Profile, SmtpServer
from activations.surfaces.drop_files import MANIFEST, SIGNATURE
from activations.surfaces.drop_places import BucketPlace, FolderPlace, NotDroppedError, UnclearDropError, open_place
from activations.surfaces.drop_settings import Drop
from activations.transport.http import AnswerLostError, HttpAnswer, HttpPool

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
