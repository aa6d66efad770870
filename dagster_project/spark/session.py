"""A session of Spark in which dbt runs our models as they are written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from dbt.adapters.spark.session import Cursor
from pyspark.sql import SparkSession

from dagster_project.spark.dialect import Recursion, spark_question

# the macro as_written puts these around a question
_AS_WRITTEN = re.compile(r"/\* as written: \*/(.*?)/\* end \*/", re.DOTALL)
_CONFIGURATION = {
    "spark.sql.session.timeZone": "UTC",
    # timestamps without a zone are UTC, as everywhere in the warehouse
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    # DuckDB gives null where Spark would refuse, as in x / 0
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.createHiveTableByDefault": "false",
}


def open_session(folder: Path, master: str = "local[*]", **settings: str) -> SparkSession:
    """A session whose tables are in a folder, known there to the next one; settings are beside those that are needed.

    It is the process's own: dbt, with the target `spark`, runs in it. A metastore of yours is a matter of settings; the
    one in the folder serves one process at a time.
    """
    builder = SparkSession.builder.master(master).appName("hourbell").enableHiveSupport()
    where = {
        "spark.sql.warehouse.dir": str(folder / "tables"),
        # where the metastore leaves its log
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder / 'metastore'};create=true",
    }
    for name, value in {**_CONFIGURATION, **where, **settings}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


@contextmanager
def models_as_written() -> Iterator[None]:
    """Let dbt-spark run what is marked as written for DuckDB."""
    original = Cursor.execute

    def execute(cursor: Cursor, sql: str, *parameters: Any) -> None:
        original(cursor, _said_for_spark(sql), *parameters)

    Cursor.execute = execute
    try:
        yield
    finally:
        Cursor.execute = original


def _said_for_spark(statement: str) -> str:
    """A statement of dbt's with the questions in it as Spark says them."""
    return _AS_WRITTEN.sub(lambda found: _question(found.group(1)), statement)


def _question(sql: str) -> str:
    session = SparkSession.builder.getOrCreate()
    question = spark_question(
        sql, lambda table: {name: of_type.upper() for name, of_type in session.table(table).dtypes}
    )
    if question.recursion is not None:
        _answer(session, question.recursion)
    return question.sql


def _answer(session: SparkSession, recursion: Recursion) -> None:
    """Show what a question answers when it is asked of its last answer until there is none."""
    answers = [session.sql(recursion.begins).toArrow()]
    while answers[-1].num_rows:
        show(session, recursion.name, answers[-1])
        answers.append(session.sql(recursion.goes_on).toArrow().cast(answers[0].schema))
    show(session, recursion.name, pa.concat_tables(answers))


def show(session: SparkSession, name: str, rows: pa.Table) -> None:
    """Rows as a view of the session."""
    if not rows.num_rows:
        # a column without any chunk has no type for Spark
        rows = pa.table([pa.array([], column.type) for column in rows.schema], schema=rows.schema)
    session.createDataFrame(rows).createOrReplaceTempView(name)
