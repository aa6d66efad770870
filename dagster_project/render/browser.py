"""Pictures of pages by a Chromium that is asked over its own protocol, and asks nobody itself."""

import asyncio
import base64
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from activations.errors import HourbellError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    # no name is looked up
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_PATIENCE = 60.0
_LOADED = (
    "Promise.all([...document.images].map(image => image.complete || "
    "new Promise(done => { image.onload = image.onerror = done })))"
)
# stands in for every picture that a message names
_PICTURE = base64.b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><rect width="400" height="400" fill="#d8d3c8"/>'
    b'<circle cx="140" cy="150" r="42" fill="#efece5"/><path d="M0 400 150 230 240 320 300 260 400 360V400Z" '
    b'fill="#b9b3a5"/></svg>'
).decode()


class Shot(NamedTuple):
    """A page, how wide it is looked at, and where the picture goes."""

    html: str
    width: int
    path: Path


def find_browser() -> str | None:
    """Where Chromium is, if it is installed."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


async def take(browser: str, shots: Sequence[Shot]) -> None:
    """Take pictures of whole pages, one after another in one browser. Raises HourbellError where it does not answer."""
    with tempfile.TemporaryDirectory(prefix="hourbell-", ignore_cleanup_errors=True) as own:
        process = await asyncio.create_subprocess_exec(
            browser,
            *_FLAGS,
            f"--user-data-dir={own}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                address = await _address(Path(own) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
                tab = await _Tab.opened(socket)
                for shot in shots:
                    async with asyncio.timeout(_PATIENCE):
                        shot.path.write_bytes(await tab.picture(shot))
        except (TimeoutError, aiohttp.ClientError) as error:
            raise HourbellError(f"{browser} does not answer: {error or 'it took too long'}. Try once more.") from error
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    while process.returncode is None:
        lines = file.read_text().split() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(0.05)
    raise HourbellError("Chromium ends as soon as it is started. Start it by hand to see why.")


class _Tab:
    """A tab of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._session = ""

    @classmethod
    async def opened(cls, socket: aiohttp.ClientWebSocketResponse) -> "_Tab":
        tab = cls(socket)
        target = await tab._call("Target.createTarget", url="about:blank")
        attached = await tab._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab._session = attached["sessionId"]
        await tab._call("Fetch.enable", patterns=[{"urlPattern": "http*"}])
        return tab

    async def picture(self, shot: Shot) -> bytes:
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=shot.width, height=200, deviceScaleFactor=1, mobile=True
        )
        tree = await self._call("Page.getFrameTree")
        await self._call("Page.setDocumentContent", frameId=tree["frameTree"]["frame"]["id"], html=shot.html)
        await self._call("Runtime.evaluate", expression=_LOADED, awaitPromise=True)
        size = (await self._call("Page.getLayoutMetrics"))["cssContentSize"]
        whole = {"x": 0, "y": 0, "width": shot.width, "height": size["height"], "scale": 1}
        taken = await self._call("Page.captureScreenshot", clip=whole, captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = await self._send(method, parameters)
        async for message in self._socket:
            said = message.json()
            if said.get("id") == number:
                if "error" in said:
                    raise HourbellError(f"Chromium does not do {method}: {said['error'].get('message')}")
                return dict(said["result"])
            if said.get("method") == "Fetch.requestPaused":
                await self._give_picture(said["params"]["requestId"])
        raise HourbellError("Chromium ended before it was done. Try once more.")

    async def _give_picture(self, request: str) -> None:
        headers = [{"name": "Content-Type", "value": "image/svg+xml"}]
        given = {"requestId": request, "responseCode": 200, "responseHeaders": headers, "body": _PICTURE}
        await self._send("Fetch.fulfillRequest", given)

    async def _send(self, method: str, parameters: dict[str, Any]) -> int:
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json({**asked, "sessionId": self._session} if self._session else asked)
        return number
