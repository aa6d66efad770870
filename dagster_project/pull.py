"""What colleagues change in CRMs, into landing."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from activations.channels.face import Setting
from activations.crms.pull import Pulled, named_crms, pull
from activations.delivery.delivery import PATIENCE, TEMPLATES
from activations.delivery.patience import Patience
from activations.errors import HourbellError
from activations.settings.profile import Profile
from activations.spool import land_spool
from dagster_project.deliver import utc_now
from dagster_project.home import Home
from dagster_project.landing.load import load


def pull_crms(
    home: Home,
    profile: Profile,
    wanted: str | None = None,
    *,
    now: Callable[[], datetime] = utc_now,
    templates: Path = TEMPLATES,
    patience: Patience = PATIENCE,
) -> list[Pulled]:
    """Read CRMs by name or platform, or all, and land what is news.

    Raises HourbellError that names each that could not be read; what was read of it and of the others has landed.
    """
    setting = Setting(profile, now, home.spool, templates)

    def land(spool: Path) -> None:
        load(spool, home.landing, now())

    async def read() -> list[Pulled]:
        pulled, problems = [], []
        for crm in named_crms(setting, wanted):
            try:
                pulled.append(await pull(setting, crm, patience))
            except HourbellError as error:
                problems.append(str(error))
        if problems:
            raise HourbellError("\n".join(problems))
        return pulled

    try:
        return asyncio.run(read())
    finally:
        land_spool(home.spool, land)
