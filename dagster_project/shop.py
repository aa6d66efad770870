"""The simulated shop, landed like anybody's files."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from dagster_project.home import Home
from dagster_project.landing.load import Loaded, load
from data.contract import tables
from data.importers.canonical import write_parquet
from data.simulator import Shop, simulate
from data.simulator.answers import Answers
from data.simulator.effects import TRUE_EFFECTS
from data.simulator.mailboxes import Mailboxes
from data.simulator.simulate import Life

# who opts out is heard at once; what else people do is reported with the day
HEARD_AT_ONCE = "consents"


def land_shop(
    shop: Shop, home: Home, folder: Path, progress: Callable[[int, int], object] | None = None
) -> list[Loaded]:
    """Simulate a shop into a folder, and load its files; its truth stays in the folder, unseen by the engine.

    `progress` is called with the days done and the days in all.
    """
    simulate(shop, folder, progress)
    home.prepare()
    loaded = []
    for table in tables():
        if (folder / table.name).is_dir():
            loaded += load(folder / table.name, home.landing, shop.start)
    return loaded


class AnsweringShop:
    """A simulated shop that lives day by day beside the ticks, and whose people answer to what the sandbox received."""

    def __init__(self, shop: Shop, home: Home, folder: Path, effects: Mapping[str, float] = TRUE_EFFECTS) -> None:
        """Its files are written to `folder` and loaded from there; what was known before the period is loaded now.
        `effects` are those of `Answers`.

        Raises HourbellError if the folder is not empty.
        """
        self._home = home
        self._folder = folder
        self._shop = shop
        self._life = Life(shop, folder)
        self.answers = Answers(shop, effects, people=self._life.people)
        self._mailboxes = Mailboxes(self.answers, home.sandbox)
        self._lived_until = shop.start
        self._heard = 0
        home.prepare()
        self._load("*/history-*.parquet", shop.start)

    def live_until(self, moment: datetime) -> bool:
        """Live all days (UTC) that begin before a moment, and load what lands on them; says whether there were any."""
        has_lived = False
        while self._lived_until < min(moment, self._shop.end):
            self._life.live(self.answers.reluctance.kept_away)
            self._load(f"*/{self._lived_until:%Y-%m-%d}.parquet", self._lived_until)
            self._lived_until += timedelta(days=1)
            has_lived = True
        return has_lived

    def answer(self, now: datetime) -> bool:
        """Have people answer to what has come, and load what is heard at once; says whether there was any."""
        rows = self._mailboxes.answer_new()
        for table, frame in rows.items():
            if table != HEARD_AT_ONCE:
                self._life.landing.add(table, frame)
        return self._load_at_once(rows, now)

    def close(self) -> None:
        """Write the truth, which is never loaded."""
        self._life.close()
        self.answers.write_truth(self._folder)

    def _load_at_once(self, rows: Mapping[str, pl.DataFrame], now: datetime) -> bool:
        if HEARD_AT_ONCE not in rows:
            return False
        self._heard += 1
        path = self._folder / HEARD_AT_ONCE / f"answers-{self._heard:05d}.parquet"
        write_parquet(rows[HEARD_AT_ONCE], path)
        load(path, self._home.landing, now)
        return True

    def _load(self, files: str, now: datetime) -> None:
        for file in sorted(self._folder.glob(files)):
            load(file, self._home.landing, now)
