"""What Great Expectations brings along and nobody asks for is not imported."""

import sys
from types import ModuleType

import pytest

from dagster_project.landing.judging import _import_when_used


def test_a_module_comes_in_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wsgiref.headers", raising=False)
    monkeypatch.delattr("wsgiref.headers", raising=False)
    _import_when_used("wsgiref.headers")
    from wsgiref import headers

    assert type(headers) is not ModuleType
    assert headers.Headers([("a", "b")])["a"] == "b"
    assert type(headers) is ModuleType
    _import_when_used("wsgiref.headers")
    assert sys.modules["wsgiref.headers"] is headers


def test_what_is_not_installed_is_no_matter() -> None:
    _import_when_used("wsgiref.nowhere")
    assert "wsgiref.nowhere" not in sys.modules
