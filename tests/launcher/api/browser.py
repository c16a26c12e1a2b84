"""A headless Chromium, driven over its DevTools protocol.

As a program it takes pictures of a dashboard: browser.py CHROMIUM URL FOLDER
"""

import asyncio
import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

TROUBLE = ("Runtime.exceptionThrown", "Log.entryAdded")
MOST_BYTES = 200 << 20


class Browser:
    """One page. Errors the page makes (exceptions, refused resources) gather in `trouble`."""

    def __init__(self, chromium):
        self.profile = tempfile.mkdtemp(prefix="trireme-browser-")
        self.loop = asyncio.new_event_loop()
        self.trouble = []
        self.calls = 0
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0",
                   f"--user-data-dir={self.profile}"]
        self.process = subprocess.Popen([chromium, *options, "about:blank"], stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)
        try:
            self.page = self.loop.run_until_complete(self._connect())
            for domain in ("Page", "Runtime", "Log"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.loop.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    async def _connect(self):
        return await websocket_connect(self._page_request(), max_message_size=MOST_BYTES)

    def _page_request(self):
        for line in self.process.stderr:
            if "DevTools listening on" in line:
                address = line.split("ws://")[1].split("/")[0]
                break
        else:
            raise RuntimeError("chromium ended before it listened")
        with urllib.request.urlopen(f"http://{address}/json/list", timeout=10) as targets:
            page = next(target for target in json.load(targets) if target["type"] == "page")
        return HTTPRequest(page["webSocketDebuggerUrl"])

    def call(self, method, **parameters):
        return self.loop.run_until_complete(asyncio.wait_for(self._call(method, parameters), timeout=30))

    async def _call(self, method, parameters):
        self.calls += 1
        wanted = self.calls
        await self.page.write_message(json.dumps({"id": wanted, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self.page.read_message())
            if message.get("method") in TROUBLE:
                self.trouble.append(message["params"])
            if message.get("id") == wanted:
                return message["result"]

    def look_like(self, width, height, scheme="light", scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def leave(self):
        self.call("Page.navigate", url="about:blank")

    def open(self, url):
        self.leave()
        self.call("Page.navigate", url=url)

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def wait_for(self, expression, patience=20):
        """Waits until the expression is true in the page; returns its value."""
        until = time.monotonic() + patience
        while True:
            value = self.value(expression)
            if value:
                return value
            if time.monotonic() > until:
                raise AssertionError(f"not within {patience} s: {expression}")

    def press(self, key, code):
        text = "\r" if key == "Enter" else ""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, text=text)

    def picture(self, path, whole_page=False):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole_page)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))


def take_pictures(chromium, url, folder):
    sizes = {"light": (1600, 1110, "light", 1), "dark": (1600, 1110, "dark", 1), "phone": (390, 844, "light", 2)}
    with Browser(chromium) as browser:
        for name, (width, height, scheme, scale) in sizes.items():
            browser.look_like(width, height, scheme, scale)
            browser.open(url)
            browser.wait_for("document.querySelector('#link')?.textContent === 'live'")
            browser.wait_for("document.querySelectorAll('#nodes li, #nodes-empty:not([hidden])').length > 0")
            time.sleep(1.5)  # for curves to be fetched and drawn; a picture has no other sign of being complete
            browser.picture(pathlib.Path(folder) / f"{name}.png", whole_page=name == "phone")


if __name__ == "__main__":
    take_pictures(*sys.argv[1:])
