"""`hourbell diff`: whose messages change between two versions of a workflow; and nothing is touched."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_world import SHOP_SPAN, Engine, contents, differences
from projects import copy_project

from activations.errors import HourbellError
from dagster_project.command.diff import markdown_of
from dagster_project.history.diff import diff
from dagster_project.history.difference import Difference, Entered, Version, compare
from dagster_project.history.past_version import Project
from dagster_project.home import REPOSITORY, Home
from dagster_project.ticks.windows import HOUR
from dagster_project.warehouse import open_warehouse

SPAN = SHOP_SPAN.end - SHOP_SPAN.start
TEMPLATES = REPOSITORY / "activations" / "templates"


def git(folder: Path, *command: str) -> None:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@shop.example"]
    subprocess.run(["git", "-C", str(folder), *identity, *command], check=True, capture_output=True)


def change(file: Path, old: str, new: str) -> None:
    said = file.read_text()
    assert old in said
    file.write_text(said.replace(old, new))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it was: two of three contacts came in, the reminder said something else, the reassurance came
    half a day earlier; and after that there was no birthday for a while.
    """
    root = tmp_path_factory.mktemp("checkout")
    copy_project(root / "dbt", "marts")
    shutil.copytree(TEMPLATES, root / "activations" / "templates")
    cart = root / "dbt" / "models" / "workflows" / "abandoned_cart"
    change(cart / "abandoned_cart__entered.sql", "where {{ in_tick(", "where contact_id % 3 <> 0 and {{ in_tick(")
    change(cart / "abandoned_cart__reassurance.sql", "wait='23 hours'", "wait='12 hours'")
    (root / "activations" / "templates" / "cart_reminder" / "subject.liquid").write_text("It was there")
    git(root, "init", "--initial-branch", "main")
    git(root, "add", "--all")
    git(root, "commit", "--message", "As it was")
    git(root, "tag", "as-it-was")
    shutil.rmtree(root / "dbt" / "models" / "workflows" / "birthday")
    change(root / "dbt" / "dbt_project.yml", "    birthday:\n", "    nobodys_day:\n")
    git(root, "add", "--all")
    git(root, "commit", "--message", "Without birthdays")
    return root


def recipients(engine: Engine, step: str) -> set[int]:
    with open_warehouse(engine.home) as warehouse:
        rows = warehouse.execute(
            "select contact_id from decisions.decisions "
            "where workflow = 'abandoned_cart' and step = ? and outcome = 'send'",
            [step],
        ).fetchall()
    return {contact for (contact,) in rows}


@pytest.fixture(scope="module")
def found(lived: Engine, checkout: Path) -> Difference:
    before = contents(lived.home)
    told = diff(lived.home, "as-it-was", "abandoned_cart", SPAN, 7 * HOUR, checkout=checkout)
    assert differences(before, contents(lived.home)) == []
    return told


def test_whose_messages_change(lived: Engine, found: Difference) -> None:
    reminder, reassurance = found.steps[:2]
    reminded = recipients(lived, "reminder")
    new = {contact for contact in reminded if contact % 3 == 0}
    assert 0 < len(new) < len(reminded)
    assert (reminder.only_before, reminder.only_now, reminder.same) == (0, len(new), 0)
    assert reminder.changes == [("another text", len(reminded - new))]
    # some heard of it half a day earlier then, and nobody at the same time
    assert reassurance.only_before + reassurance.changed > 0
    assert reassurance.same == 0
    assert {one.contact_id for one in found.examples if one.step == "reminder" and not one.before} <= new
    assert found.before is not None
    assert found.now is not None
    assert 0 < found.before.treated < found.now.treated
    assert found.affected == found.contacts >= len(reminded)


def test_a_pull_request_shows_it(found: Difference) -> None:
    lines = list(markdown_of(found))
    reminder = found.steps[0]
    assert lines[0] == "### Messages of `abandoned_cart`: as-it-was and here"
    assert f"**The messages of {found.affected} contacts change, of {found.contacts} who get any.**" in lines[2]
    assert f"| reminder | 0 | {reminder.only_now} | 0 | {reminder.changed} | another text {reminder.changed} |" in lines


def test_a_workflow_that_was_not_there_is_all_new(lived: Engine, checkout: Path) -> None:
    told = diff(lived.home, "main", "birthday", HOUR, HOUR, checkout=checkout)
    assert told.before is None
    assert told.now == Entered(0, 0)
    assert "All of it is new: main has no such workflow." in "\n".join(markdown_of(told))


# of step, contact, time, template, variant
Sent = tuple[str, int, int, str, str | None]


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        ([("hello", 1, 9, "hi", None)], [("hello", 1, 9, "hi", None)], []),
        ([("hello", 1, 9, "hi", None)], [("hello", 1, 10, "hi", None)], [("another time", 1)]),
        ([("hello", 1, 9, "hi", None)], [("hello", 1, 9, "hey", None)], [("another template", 1)]),
        ([("hello", 1, 9, "hi", None)], [("hello", 1, 9, "hi", "short")], [("another variant", 1)]),
        ([("hello", 1, 9, "new words", None)], [("hello", 1, 9, "new words", None)], [("another text", 1)]),
        (
            [("hello", 1, 9, "hi", None), ("hello", 1, 11, "hi", None)],
            [("hello", 1, 9, "hi", None)],
            [("another number of them", 1)],
        ),
    ],
)
def test_how_a_message_is_not_the_same(
    tmp_path: Path, before: Sequence[Sent], now: Sequence[Sent], changes: Sequence[tuple[str, int]]
) -> None:
    told = compare(
        "series", "main", SHOP_SPAN, version(tmp_path / "a", "old", before), version(tmp_path / "b", "new", now)
    )
    (step,) = told.steps
    assert step.changes == changes
    assert (step.only_before, step.only_now, step.same, step.changed) == (0, 0, int(not changes), int(bool(changes)))
    assert (told.contacts, told.affected) == (1, int(bool(changes)))


def test_who_gets_it_in_one_version_only_is_told_with_what_stopped_it(tmp_path: Path) -> None:
    before = version(tmp_path / "a", "", [("hello", 1, 9, "hi", None)], stopped=[("story", "consent")] * 2)
    now = version(tmp_path / "b", "", [("hello", 2, 9, "hi", None)], stopped=[("story", "consent"), ("story", "exit")])
    hello, story = compare("series", "main", SHOP_SPAN, before, now).steps
    assert (hello.only_before, hello.only_now, hello.same, hello.changed) == (1, 1, 0, 0)
    assert story.stopped == [("consent", 2, 1), ("exit", 0, 1)]


def version(root: Path, words: str, sent: Sequence[Sent], stopped: Sequence[tuple[str, str]] = ()) -> Version:
    """One that has decided so, in a project whose only workflow is a series; `new words` is a template of it."""
    project, home = Project(root / "project"), Home(root / "home").prepare()
    project.dbt.mkdir(parents=True)
    (project.dbt / "dbt_project.yml").write_text("vars: {workflows: {series: {steps: [entered, hello, story]}}}")
    (project.templates / "new words").mkdir(parents=True)
    (project.templates / "new words" / "subject.liquid").write_text(words)
    with open_warehouse(home) as warehouse:
        warehouse.execute("create schema decisions")
        warehouse.execute(
            "create table decisions.arrivals (workflow varchar, step varchar, contact_id bigint, assignment varchar)"
        )
        warehouse.execute(
            "create table decisions.decisions (workflow varchar, action_id bigint, step varchar, contact_id bigint, "
            "reached_at timestamp, tick_end timestamp, kind varchar, template varchar, variant varchar, "
            "channel varchar, outcome varchar, gate varchar)"
        )
        for number, (step, contact, hour, template, variant) in enumerate(sent):
            at = SHOP_SPAN.start + hour * HOUR
            row = ["series", number, step, contact, at, at, "send", template, variant, "email", "send", None]
            warehouse.execute(f"insert into decisions.decisions values ({', '.join('?' * 12)})", row)
        for step, gate in stopped:
            row = ["series", 0, step, 1, None, None, "send", None, None, None, "stopped", gate]
            warehouse.execute(f"insert into decisions.decisions values ({', '.join('?' * 12)})", row)
    return Version(project, home)


def test_what_cannot_be_compared_is_told(lived: Engine, checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match="is no git checkout"):
        diff(lived.home, "main", "abandoned_cart", SPAN, HOUR, checkout=tmp_path)
    with pytest.raises(HourbellError, match="git knows no 'elsewhere'"):
        diff(lived.home, "elsewhere", "abandoned_cart", SPAN, HOUR, checkout=checkout)
    with pytest.raises(HourbellError, match="There is no workflow 'winter_sale', neither at main nor here"):
        diff(lived.home, "main", "winter_sale", SPAN, HOUR, checkout=checkout)
    with pytest.raises(HourbellError, match="no history to go by"):
        diff(Home(tmp_path).prepare(), "main", "abandoned_cart", SPAN, HOUR, checkout=checkout)
    git(checkout, "checkout", "--orphan", "empty")
    git(checkout, "rm", "-r", "--force", "--quiet", ".")
    git(checkout, "commit", "--allow-empty", "--message", "Nothing")
    with pytest.raises(HourbellError, match="'empty' has no dbt/"):
        diff(lived.home, "empty", "abandoned_cart", SPAN, HOUR, checkout=checkout)
