"""Debian's Chromium, as the pages are looked at; and what it asked of whom."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "Debian's packages chromium and chromium-driver are not installed"
# of the browser itself none of it either
_QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --disable-sync "
    "--disable-component-update --disable-default-apps --disable-extensions --no-first-run --no-default-browser-check "
    "--disable-features=OptimizationHints,MediaRouter --hide-scrollbars --no-proxy-server"
)
SECONDS = 30


class Browser:
    """One window."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def look(self, *, width: int, dark: bool) -> None:
        """How wide the window is, and whether its owner likes it dark."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, address: str) -> None:
        """Go there and wait until all of it is drawn."""
        self.driver.get("about:blank")
        self.driver.get(address)
        self.drawn()

    def drawn(self) -> None:
        WebDriverWait(self.driver, SECONDS, poll_frequency=0.02).until(
            lambda driver: driver.execute_script("return document.body?.dataset.state === 'drawn'")
        )

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def said(self) -> list[str]:
        """What the console has said since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since it was asked last."""
        return [told["request"]["url"] for told in self._network("requestWillBeSent")]

    def answered(self) -> list[str]:
        """The addresses that have answered; what a page's policy refuses is asked for and answers nothing."""
        return [told["response"]["url"] for told in self._network("responseReceived")]

    def _network(self, event: str) -> list[dict[str, Any]]:
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [message["params"] for message in messages if message["method"] == f"Network.{event}"]


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in [*_QUIET.split(), f"--user-data-dir={profile}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
