"""The models on Spark: a session that runs them tick by tick, over the inputs that DuckDB had in the same tick."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import duckdb
import pyarrow as pa
from pyspark.sql import SparkSession
from spark_sql import Question, Recursion, spark_question, view_name

from dagster_project.statements import Statement
from dagster_project.windows import Window

_CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.leafNodeDefaultParallelism": "1",
    "spark.sql.adaptive.enabled": "false",
    # a handful of rows is asked sooner than Java is compiled for it
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


def local_session() -> SparkSession:
    builder = SparkSession.builder.master("local[2]").appName("hourbell")
    for name, value in _CONFIGURATION.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


@dataclass(frozen=True)
class SparkModel:
    """A model in Spark's SQL."""

    name: str
    table: str
    question: Question
    written_before: str
    """Which rows the window wrote before."""


@dataclass
class SparkEngine:
    """Models over tables that a session holds."""

    session: SparkSession
    connection: duckdb.DuckDBPyConnection
    statements: Sequence[Statement]
    tables: dict[str, pa.Table] = field(default_factory=dict)
    """What the models have written."""

    @cached_property
    def columns(self) -> dict[str, dict[str, str]]:
        """By table and view: types by name."""
        found: dict[str, dict[str, str]] = {}
        for table, column, of_type in self.connection.execute(
            "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() where not internal "
            "order by table_oid, column_index"
        ).fetchall():
            found.setdefault(table, {})[column] = of_type
        return found

    @cached_property
    def models(self) -> list[SparkModel]:
        """In the order of the graph."""
        return [self._model(statement) for statement in self.statements]

    @cached_property
    def views(self) -> dict[str, Question]:
        """Those that the models read."""
        read = {table for model in self.models for table in model.question.reads}
        found = self.connection.execute(
            "select schema_name || '.' || view_name, sql from duckdb_views() where not internal"
        ).fetchall()
        return {
            name: spark_question(sql.partition(" AS ")[2].rstrip(";"), self.columns)
            for name, sql in found
            if name in read
        }

    @cached_property
    def inputs(self) -> list[str]:
        """What is read, and neither written by a model of ours nor a view."""
        questions = [*(model.question for model in self.models), *self.views.values()]
        read = {table for question in questions for table in question.reads}
        return sorted(read - {model.table for model in self.models} - self.views.keys())

    def _model(self, statement: Statement) -> SparkModel:
        taken_away, written = statement.sql
        asked = re.sub(r"^insert into \S+ by name ", "", written)
        before = spark_question(taken_away.replace("delete from", "select 1 from"), self.columns)
        return SparkModel(
            statement.model, statement.table, spark_question(asked, self.columns), before.sql.partition(" WHERE ")[2]
        )

    def start(self) -> None:
        """Every table that is written, empty."""
        for model in self.models:
            self._write(model.table, self.connection.execute(f"from {model.table} limit 0").to_arrow_table())
        self.give(self.inputs)
        for name, question in self.views.items():
            self.session.sql(f"create or replace temporary view {view_name(name)} as {question.sql}")

    def give(self, tables: Iterable[str]) -> None:
        """Show tables to the session as DuckDB holds them now."""
        for table in tables:
            self._show(table, self.connection.execute(f"from {table}").to_arrow_table())

    def run_tick(self, window: Window) -> None:
        """Run every model over what the session has been given."""
        self.session.conf.set("hourbell.tick_start", str(window.start))
        self.session.conf.set("hourbell.tick_end", str(window.end))
        for model in self.models:
            self.run(model)

    def run(self, model: SparkModel) -> None:
        """Replace what the window wrote before."""
        if model.question.recursion is not None:
            self._repeat(model.question.recursion)
        asked = self.session.sql(model.question.sql)
        typed = [
            f"cast({name if name in asked.columns else 'null'} as {of_type}) as {name}"
            for name, of_type in self.session.table(view_name(model.table)).dtypes
        ]
        rows = asked.selectExpr(*typed)
        if model.written_before.lower() != "true":
            stay = self.session.sql(f"select * from {view_name(model.table)} where not ({model.written_before})")
            rows = stay.unionAll(rows)
        self._write(model.table, rows.toArrow())

    def _repeat(self, recursion: Recursion) -> None:
        """Show what a question answers when it is asked of its last answer until there is none."""
        answers = [self.session.sql(recursion.begins).toArrow()]
        while answers[-1].num_rows:
            self._show(recursion.name, answers[-1])
            answers.append(self.session.sql(recursion.goes_on).toArrow().cast(answers[0].schema))
        self._show(recursion.name, pa.concat_tables(answers))

    def _write(self, table: str, rows: pa.Table) -> None:
        self.tables[table] = rows
        self._show(table, rows)

    def _show(self, table: str, rows: pa.Table) -> None:
        if not rows.num_rows:
            # a column without any chunk has no type for Spark
            rows = pa.table([pa.array([], column.type) for column in rows.schema], schema=rows.schema)
        self.session.createDataFrame(rows).createOrReplaceTempView(view_name(table))
