"""Erasing a person: afterwards no file holds them, no total has changed, and no import brings them back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import ERASED_AT, EMAIL, PHONE, START, WORDS, Lived, deliver, journal_counts, land, leftovers, received, tick, totals, traces  # noqa: E501

from dagster_project.erasure import erase as erasing
