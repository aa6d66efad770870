"""The surfaces' database on a server, which a live profile may have instead of a file."""

import asyncio
import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rehearsal import NOW

from activations.errors import HourbellError
from activations.settings.profile import Profile, SmtpServer
from activations.surfaces.drop_files import DropFile
from activations.surfaces.drop_ledger import DropLedger
from activations.surfaces.drop_places import FolderPlace
from activations.surfaces.inbox import find, forget, mark, put, shown
from activations.surfaces.place import open_surfaces
from activations.surfaces.tokens import Viewer

LIVE = Profile("live", SmtpServer("mail.shop.example", 587))
ANN = Viewer(user_id="u1")


def message(number: int, **changes: Any) -> dict[str, Any]:
    row = {"action_id": number, "contact_id": 1, "user_id": "u1", "title": "x", "body": "y", "link": None}
    times = {"sent_at": NOW, "expires_at": NOW + timedelta(days=1), "removed_after": NOW + timedelta(days=31)}
    return {**row, "identifier": "{}", "about": "{}", **times, **changes}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> sa.Engine:
    url = request.getfixturevalue("server_url") if request.param == "postgresql" else None
    return open_surfaces(dataclasses.replace(LIVE, surfaces_url=url), tmp_path)


def test_the_inbox_is_the_same_in_a_file_and_on_a_server(engine: sa.Engine) -> None:
    put(engine, [message(1), message(2, contact_id=2, user_id="u2")], NOW)
    put(engine, [message(1, title="another")], NOW)
    assert [row["title"] for row in shown(engine, ANN, NOW)] == ["x"]
    assert find(engine, ANN, 2, NOW) is None
    mark(engine, 1, "clicked", NOW)
    mark(engine, 1, "read", NOW + timedelta(hours=1))
    [row] = shown(engine, Viewer(contact_id=1), NOW)
    assert (row["read_at"], row["clicked_at"]) == (NOW, NOW)
    assert forget(engine, [1]) == 1
    put(engine, [message(3)], NOW + timedelta(days=31))
    with engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from in_app_messages")).scalar() == 0, "all are long over"


def test_the_ledger_is_the_same_in_a_file_and_on_a_server(engine: sa.Engine, tmp_path: Path) -> None:
    ledger = DropLedger(engine, {"letters": FolderPlace(tmp_path / "letters")}, lambda: NOW)
    file = DropFile("letters", "letters-1.csv", b"content", b"manifest", b"signature")
    asyncio.run(ledger.drop(file, [1, 2]))
    assert asyncio.run(ledger.find([1, 2, 3])) == {1: file.name, 2: file.name}
    with pytest.raises(sa.exc.IntegrityError):
        asyncio.run(ledger.drop(dataclasses.replace(file, name="letters-2.csv"), [2, 3]))
    assert {path.name for path in (tmp_path / "letters").iterdir()} == {
        f"letters-1.csv{ending}" for ending in ("", ".manifest.json", ".manifest.json.sig")
    }, "an action that is in one file comes into no other"


def test_a_server_that_is_not_there_is_explained_without_its_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://ann:hush@127.0.0.1:1/none"
    with pytest.raises(HourbellError, match="HOURBELL_SURFACES_URL") as refused:
        open_surfaces(dataclasses.replace(LIVE, surfaces_url=url), tmp_path)
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(dataclasses.replace(LIVE, surfaces_url=url))
