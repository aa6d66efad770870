"""What a step's SQL may be: one question to the warehouse. It writes nothing, and reads no file that nobody allowed."""

import re
from collections.abc import Iterator

import jinja2
import sqlglot
from jinja2 import nodes
from sqlglot import expressions as exp

from dagster_project.lint.finding import Finding
from dagster_project.lint.reading import Project, Step

_COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
_STATEMENT = re.compile(r"{%.*?%}", re.DOTALL)
_CONFIG = re.compile(r"{{-?\s*config\(.*?}}", re.DOTALL)
_EXPRESSION = re.compile(r"{{.*?}}", re.DOTALL)
_STAND_IN = "what_a_macro_says"
# they reach out of the warehouse: to files, to the environment, to statements put together while they run
_REACHES_OUT = re.compile(
    r"\b(read_\w+|scan_\w+|\w+_scan|glob|sniff_csv|parquet_\w+|getenv|query|query_table|which_secret|duckdb_secrets"
    r"|st_read\w*|load_aws_credentials)\s*\(",
    re.IGNORECASE,
)
_COMMANDS = re.compile(r"\b(copy|attach|install|load|pragma|export|import|detach|create|drop|set)\s+\S", re.IGNORECASE)


def steps_that_are_no_question(project: Project) -> Iterator[Finding]:
    """Steps that are more, or something else, than one SELECT. `may_read` of the workflow allows functions by name."""
    for workflow, step in project.steps:
        allowed = set((workflow.settings or {}).get("may_read") or ())
        text = step.path.read_text()
        yield from _statements(step, text)
        yield from _reads(step, text, allowed)


def _statements(step: Step, text: str) -> Iterator[Finding]:
    plain = text
    for pattern, instead in ((_COMMENT, ""), (_CONFIG, ""), (_STATEMENT, ""), (_EXPRESSION, _STAND_IN)):
        plain = _replaced(pattern, instead, plain)
    mend = "a step is one SELECT; what has to be written is written by the materialization"
    try:
        statements = [each for each in sqlglot.parse(plain, dialect="duckdb") if each is not None]
    except sqlglot.errors.SqlglotError as error:
        # what is no SQL to us may still be some to the warehouse; a command is not let through by that
        found = _COMMANDS.match(plain.lstrip())
        if found or ";" in plain.rstrip().rstrip(";"):
            yield Finding(step.path, 1, f"{step.name} cannot be read as one SELECT: {_first(error)}", mend)
        return
    if len(statements) != 1:
        yield Finding(step.path, 1, f"{step.name} is {len(statements)} statements", mend)
    for statement in statements:
        if not isinstance(statement, exp.Query):
            kind = statement.key.upper() if not isinstance(statement, exp.Command) else str(statement.this).upper()
            line = _line(text, kind.split()[0])
            yield Finding(step.path, line, f"{step.name} is no SELECT but {kind}", mend)
        for table in statement.find_all(exp.Table):
            if isinstance(table.this, exp.Identifier) and table.this.quoted and _is_file(table.name):
                line = _line(text, table.name)
                yield Finding(step.path, line, f"{step.name} reads the file {table.name}", _LAND)


_LAND = "land it with `hourbell load`, or allow the function under may_read of the workflow"


def _reads(step: Step, text: str, allowed: set[str]) -> Iterator[Finding]:
    for line, sql in [*_plain(text), *_written_in_calls(text)]:
        for found in _REACHES_OUT.finditer(sql):
            if found[1].lower() not in allowed:
                place = line + sql[: found.start()].count("\n")
                yield Finding(step.path, place, f"{step.name} reaches out of the warehouse by {found[1]}", _LAND)


def _plain(text: str) -> list[tuple[int, str]]:
    """The SQL beside macros, without its comments; the lines stay where they are."""
    for pattern in (_COMMENT, _STATEMENT, _EXPRESSION):
        text = _replaced(pattern, "", text)
    return [(1, re.sub(r"--[^\n]*", "", text))]


def _replaced(pattern: re.Pattern[str], instead: str, text: str) -> str:
    """Without what the pattern finds; the lines stay where they are."""
    return pattern.sub(lambda found: instead + "\n" * found[0].count("\n"), text)


def _written_in_calls(text: str) -> Iterator[tuple[int, str]]:
    """Texts that macros are given: conditions are SQL too."""
    for written in jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False).parse(text).find_all(nodes.Const):
        if isinstance(written.value, str):
            yield written.lineno, written.value


def _is_file(name: str) -> bool:
    return bool(re.search(r"[/\\*?]|\.\w{2,8}$|://", name))


def _line(text: str, word: str) -> int:
    lines = enumerate(text.lower().splitlines(), 1)
    return next((number for number, line in lines if word.lower() in line), 1)


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]
