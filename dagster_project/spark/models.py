"""Models of the project that dbt runs on Spark, tick by tick."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from pyspark.sql import SparkSession

from activations.errors import HourbellError
from dagster_project.spark.session import models_as_written
from dagster_project.ticks.transform import DBT
from dagster_project.ticks.windows import Window

_QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-use-colors")


@dataclass(frozen=True)
class SparkModels:
    """Some of the models, and the folder in which dbt keeps what it knows of them."""

    session: SparkSession
    folder: Path
    manifest: Manifest
    selected: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @classmethod
    def chosen(
        cls, session: SparkSession, folder: Path, select: Sequence[str], exclude: Sequence[str] = ()
    ) -> "SparkModels":
        """Those that dbt's selectors name; raises HourbellError where the project does not parse."""
        manifest = _invoke(folder, dbtRunner(), ["parse"])
        listed = ["list", "--resource-type", "model", "--output", "name", "--select", *select]
        listed += ["--exclude", *exclude] if exclude else []
        found = _invoke(folder, dbtRunner(manifest=manifest), listed)
        return cls(session, folder, manifest, tuple(sorted(found)), tuple(exclude))

    @property
    def tables(self) -> list[str]:
        """What the models write, by schema and name."""
        return [self._table(name) for name in self.selected]

    @property
    def inputs(self) -> list[str]:
        """What they read and do not write."""
        read = {parent for name in self.selected for parent in self.manifest.nodes[_unique_id(name)].depends_on_nodes}
        nodes = {**self.manifest.nodes, **self.manifest.sources}
        tables = {f"{nodes[parent].schema}.{nodes[parent].identifier}" for parent in read}
        return sorted(table for table in tables - {*self.tables} if not table.startswith("engine."))

    def _table(self, name: str) -> str:
        node = self.manifest.nodes[_unique_id(name)]
        return f"{node.schema}.{node.identifier}"

    def create_tables(self) -> None:
        """Every table, empty: a model reads others that come later, and itself."""
        self._run(["--empty"])

    def run(self, window: Window) -> None:
        """One tick; raises HourbellError where a model fails."""
        start, end = (f"{at:%Y-%m-%d %H:%M:%S}" for at in (window.start, window.end))
        self._run(["--event-time-start", start, "--event-time-end", end])

    def _run(self, arguments: Sequence[str]) -> None:
        runner = dbtRunner(manifest=self.manifest)
        with models_as_written():
            # the name of a model is that of its folder, too: what was left out is said again
            apart = ["--exclude", *self.left_out] if self.left_out else []
            chosen = ["--select", *self.selected, *apart]
            results = _invoke(self.folder, runner, ["run", *chosen, *arguments, "--no-write-json"])
        failed = [result for result in results if result.status not in ("success", "pass", "no-op")]
        if failed:
            raise HourbellError(f"{len(failed)} models failed on Spark; {failed[0].node.name}: {failed[0].message}")


def _unique_id(name: str) -> str:
    return f"model.hourbell.{name}"


def _invoke(folder: Path, runner: dbtRunner, command: Sequence[str]) -> Any:
    where = ["--project-dir", str(DBT), "--profiles-dir", str(DBT), "--target", "spark"]
    where += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    outcome = runner.invoke([*command, *where, *_QUIET])
    if outcome.exception is not None:
        raise HourbellError(f"dbt {command[0]} could not run on Spark: {outcome.exception}") from outcome.exception
    return outcome.result
