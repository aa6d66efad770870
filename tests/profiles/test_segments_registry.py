"""The registry of segments and their models name the same ones."""

from pathlib import Path

import yaml

DBT = Path(__file__).resolve().parents[2] / "dbt"
BOOKKEEPING = {"segment_definitions", "segment_periods", "segment_changes", "segment_members"}


def test_every_segment_is_registered_and_every_registered_one_exists() -> None:
    registered = yaml.safe_load((DBT / "dbt_project.yml").read_text())["vars"]["segments"]
    written = {path.stem for path in (DBT / "models" / "segments").glob("*.sql")} - BOOKKEEPING
    assert sorted(written) == registered
