"""A data directory may have any name that the system lets it have."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dagster_project.home import Home
from dagster_project.publish import FILE
from dagster_project.reports.site import SITE, START


def test_a_whole_tick_its_delivery_and_the_pages_in_a_home_with_an_apostrophe_and_a_space(
    landed_shop: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Callable[..., tuple[int, str]]
) -> None:
    home = Home(tmp_path / "anna's own data")
    shutil.copytree(landed_shop.root, home.root)
    # what is held is written to a file, too
    held = "abandoned_cart"
    (home.outbox / "approved" / f"{held}.json").unlink()
    monkeypatch.setenv("HOURBELL_HOME", str(home.root))
    code, said = run_command("tick", "--from", "2026-03-02", "--to", "2026-03-03 18:00", "--size", "2d")
    assert code == 0, said
    assert list(home.outbox.glob("tick=*/*.parquet"))
    assert list(home.outbox.glob(f"tick=*/held/{held}/*.parquet"))
    with duckdb.connect(home.published / FILE, read_only=True) as published:
        assert published.execute("select count(*) from marts.ticks").fetchall() == [(1,)]
    code, said = run_command("reports")
    assert code == 0, said
    assert (home.reports / SITE / START).is_file()
