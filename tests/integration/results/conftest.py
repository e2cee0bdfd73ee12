"""A headless Chromium, driven over its DevTools protocol: what a person would see of the contact sheet."""

import asyncio
import base64
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "about:blank",
)  # fmt: skip
DEADLINE_S = 30.0
PR_CAPBSET_DROP, CAP_SYS_NICE = 24, 23


def _as_any_other_program() -> None:
    """As root Chromium gives itself priority over all that runs beside it, and real-time threads: a starved broker is
    none to test with. Where the capability is not ours to drop, it has none to use either.
    """
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0)


class Chromium:
    """One tab, over one connection: the screen size set for it lasts as long."""

    def __init__(self, profile: Path, command: str) -> None:
        self._process = subprocess.Popen(
            [command, f"--user-data-dir={profile}", *FLAGS],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_as_any_other_program,  # noqa: PLW1509
        )
        place = profile / "DevToolsActivePort"
        deadline = time.monotonic() + DEADLINE_S
        while not (place.exists() and len(place.read_text().splitlines()) == 2):
            assert self._process.poll() is None, "chromium ended at its start"
            assert time.monotonic() < deadline, "chromium opened no port"
            time.sleep(0.05)
        port = int(place.read_text().splitlines()[0])
        self._loop = asyncio.new_event_loop()
        self._sent = 0
        self._session, self._socket = self._loop.run_until_complete(self._connect(port))

    async def _connect(self, port: int) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
        session = aiohttp.ClientSession()
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            tabs = [tab for tab in await answer.json(content_type=None) if tab["type"] == "page"]
        return session, await session.ws_connect(tabs[0]["webSocketDebuggerUrl"], max_msg_size=0)

    def close(self) -> None:
        self._loop.run_until_complete(self._session.close())
        self._loop.close()
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def run(self, *calls: tuple[str, dict]) -> list[dict]:
        return self._loop.run_until_complete(self._run(calls))

    async def _run(self, calls: tuple[tuple[str, dict], ...]) -> list[dict]:
        results = []
        for method, parameters in calls:
            self._sent += 1
            await self._socket.send_str(json.dumps({"id": self._sent, "method": method, "params": parameters}))
            message: dict = {}
            while message.get("id") != self._sent:
                message = json.loads((await self._socket.receive(DEADLINE_S)).data)
            assert "error" not in message, message
            results.append(message["result"])
        return results

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.run(("Emulation.setDeviceMetricsOverride", metrics))

    def open(self, page: Path, view: str = "") -> float:
        """Load a page afresh and wait until its first screen stands; returns milliseconds, by the page's own clock."""
        self.run(("Page.navigate", {"url": "about:blank"}))
        self.run(("Page.navigate", {"url": page.as_uri() + view}))
        self.until("document.documentElement && document.documentElement.dataset.ready !== undefined")
        return float(self.js("document.documentElement.dataset.ready"))

    def js(self, expression: str):
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        result = self.run(("Runtime.evaluate", parameters))[0]
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not self.js(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"never came true: {expression}"
            time.sleep(0.02)

    def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        parameters = {"key": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        self.run(
            ("Input.dispatchKeyEvent", {"type": "keyDown", **parameters, **text}),
            ("Input.dispatchKeyEvent", {"type": "keyUp", **parameters}),
        )

    def shot(self, place: Path) -> None:
        place.write_bytes(base64.b64decode(self.run(("Page.captureScreenshot", {"format": "png"}))[0]["data"]))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("no chromium here: install it (apt-get install chromium) to see the contact sheet tested")
    browser = Chromium(tmp_path_factory.mktemp("chromium"), command)
    yield browser
    browser.close()
