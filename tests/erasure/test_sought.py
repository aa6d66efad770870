"""What names somebody in bytes is found, and what only looks like it is not."""

from pathlib import Path

import polars as pl
import pytest

from activations.erasure.sought import Sought
from dagster_project.erasure import files
from dagster_project.erasure.files import holding
from dagster_project.home import Home

SOUGHT = Sought.of(
    [("email", "Ann@shop.example"), ("phone", "+441234567"), ("user_id", "12"), ("anonymous_id", "0d2f64f4-9a61")]
)


@pytest.mark.parametrize(
    ("text", "is_theirs"),
    [
        ("to ANN@SHOP.EXAMPLE;", True),
        ("call +441234567", True),
        ("0d2f64f4-9a61", True),
        ("x,0d2f64f4-9a61,y", True),
        ("0d2f64f4-9a61-4a0c", False),
        ("a0d2f64f4-9a61", False),
        ("12", False),
        ('{"total": 12}', False),
        ('{"user_id":"12"}', True),
        (r"{\"userId\": \"12\"}", True),
        ("user_id=12 opened", True),
        ("user_id=123 opened", False),
        ('{"user_id":"112"}', False),
        ("anonymous_id: '12'", True),
    ],
)
def test_ids_are_whole_words_and_short_ones_are_said_to_be_ids(text: str, is_theirs: bool) -> None:
    assert SOUGHT.names(text.encode()) == is_theirs


@pytest.mark.parametrize("before", range(40))
def test_nothing_is_cut_where_a_file_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(files, "_CHUNK", 20)
    monkeypatch.setattr(files, "_OVERLAP", 64)
    home = Home(tmp_path)
    (tmp_path / "theirs.txt").write_text("." * before + "0d2f64f4-9a61")
    (tmp_path / "others.txt").write_text("." * before + "0d2f64f4-9a61-4a0c, a0d2f64f4-9a61")
    assert holding(home, SOUGHT, but=tmp_path / "plan") == [tmp_path / "theirs.txt"]


def test_other_peoples_addresses_are_not_taken_for_theirs(tmp_path: Path) -> None:
    """Whoever has a longer one would else keep everybody from being told that it is done."""
    longer = ("jo.ann@shop.example", "joann@shop.example", "ann@shop.example.org", "+4412345678")
    sought = Sought.of([("email", "Ann@shop.example"), ("phone", "+441234567")], longer)
    for other in longer:
        assert not sought.names(f"to {other.upper()}".encode())
        assert sought.names(f"to {other}, ann@SHOP.example".encode())
        assert sought.names(f"{other}+441234567".encode())
    for name, people in (("theirs", [*longer, "ann@shop.example"]), ("others", longer)):
        pl.DataFrame({"email": [*people] * 100}).write_parquet(tmp_path / f"{name}.parquet", compression="zstd")
    assert holding(Home(tmp_path), sought, but=tmp_path / "plan") == [tmp_path / "theirs.parquet"]


def test_who_has_nothing_is_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("user_id=12")
    assert holding(Home(tmp_path), Sought.of([]), but=tmp_path / "plan") == []
    assert holding(Home(tmp_path), SOUGHT, but=tmp_path / "a.txt") == []
