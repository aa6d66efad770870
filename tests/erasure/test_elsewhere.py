"""A journal that is kept elsewhere: a shell that is not told where it is does not take an empty one for it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from activations.errors import HourbellError
from activations.journal.journal import open_journal
from dagster_project.erasure.erase import erase
from dagster_project.erasure.person import Person
from dagster_project.home import Home

PERSON = Person(
    "ann@shop.example", "erased-1", None, [("email", "ann@shop.example")], [], [], [], "2026-03-02 09:30:00"
)


@pytest.fixture
def elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]], server_url: str
) -> Home:
    """A data directory whose journal is on a server, as a shell saw it that knew of it."""
    monkeypatch.setenv("HOURBELL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOURBELL_JOURNAL_URL", server_url)
    assert run_command("pause", "--all")[0] == 0
    monkeypatch.delenv("HOURBELL_JOURNAL_URL")
    return Home(tmp_path / "home")


@pytest.mark.parametrize(
    "command", [["pause", "--all"], ["resume", "--all"], ["deliver"], ["journal", "list"], ["journal", "rebuild"]]
)
def test_no_command_takes_another_journal_for_it(
    elsewhere: Home, run_command: Callable[..., tuple[int, str]], command: list[str]
) -> None:
    """One that paused another would stop nothing."""
    code, said = run_command(*command)
    assert code == 1
    assert "HOURBELL_JOURNAL_URL says, and that is not set" in said
    assert not list((elsewhere.root / "journal").glob("*.sqlite*"))


def test_nobody_is_said_to_be_erased_who_was_only_not_looked_for(elsewhere: Home) -> None:
    with pytest.raises(HourbellError, match="HOURBELL_JOURNAL_URL"):
        erase(elsewhere, [PERSON], datetime(2026, 3, 2))
    assert not elsewhere.erased.exists(), "nothing was begun"


def test_the_note_holds_no_password_and_may_go_with_its_server(
    elsewhere: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (note,) = (elsewhere.root / "journal").glob("*.txt")
    assert "postgres" not in note.read_text()
    note.unlink()
    # one that is named and is our own is not elsewhere
    monkeypatch.setenv("HOURBELL_JOURNAL_URL", elsewhere.journal_url)
    elsewhere.prepare()
    monkeypatch.delenv("HOURBELL_JOURNAL_URL")
    with open_journal(elsewhere.journal_url) as journal:
        assert journal.pauses() == []


def test_the_file_in_which_it_was_before_is_one_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says of people what it said when it was left."""
    home = Home(tmp_path).prepare()
    own, server = home.journal_url, "postgresql+psycopg://user@127.0.0.1/hourbell"
    assert home.journal_urls == [own]
    monkeypatch.setenv("HOURBELL_JOURNAL_URL", server)
    assert home.journal_urls == [server]
    with open_journal(own):
        assert home.journal_urls == [server, own]
