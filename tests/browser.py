"""A headless Chromium for tests, through its DevTools protocol."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from websocket import WebSocketTimeoutException, create_connection

FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-default-apps --disable-extensions --enable-unsafe-swiftshader
--hide-scrollbars --disable-dev-shm-usage --remote-debugging-port=0 about:blank"""


def chromium():
    """Path of Chromium or Chrome (``VCFNB_CHROMIUM`` first), or skip the test."""
    found = [os.environ.get("VCFNB_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    path = next((shutil.which(name) for name in found if name and shutil.which(name)), None)
    if path is None:
        pytest.skip("no Chromium on the PATH (or its path in VCFNB_CHROMIUM)")
    return path


class Browser:
    """One page of a headless Chromium that keeps what it requests and what goes wrong.

    Attributes
    ----------
    requests : list of str
        Addresses asked for since :meth:`open`.
    problems : list of str
        Failed requests, answers from 400 on, and uncaught errors.
    """

    def __init__(self, width=1280, height=900):
        self.profile = tempfile.TemporaryDirectory(prefix="vcfnb-chromium-", ignore_cleanup_errors=True)
        call = [chromium(), f"--user-data-dir={self.profile.name}", *FLAGS.split()]
        self.process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = self._port()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            page = next(page for page in json.load(answer) if page["type"] == "page")
        self.socket = create_connection(page["webSocketDebuggerUrl"], suppress_origin=True, timeout=60)
        self.numbers, self.requests, self.problems, self.addresses = itertools.count(1), [], [], {}
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")
        # A page without focus has no current notebook.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        self.resize(width, height)

    def _port(self):
        file = Path(self.profile.name) / "DevToolsActivePort"
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if file.exists() and file.read_text().strip():
                return file.read_text().split()[0]
            time.sleep(0.1)
        raise AssertionError("Chromium did not start within a minute")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _note(self, message):
        kind, what = message.get("method"), message.get("params", {})
        if kind == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
            self.addresses[what["requestId"]] = what["request"]["url"]
        elif kind == "Network.loadingFailed" and not what.get("canceled"):
            self.problems.append(f"{what['errorText']}: {self.addresses.get(what['requestId'], '')[:200]}")
        elif kind == "Network.responseReceived" and what["response"]["status"] >= 400:
            self.problems.append(f"{what['response']['status']}: {what['response']['url'][:200]}")
        elif kind == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"])[:500])

    def open(self, address):
        self.requests.clear()
        self.problems.clear()
        self.call("Page.navigate", url=str(address))
        self.wait("document.readyState === 'complete'", 300)

    def resize(self, width, height=900):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def js(self, expression):
        """Value of a JavaScript expression; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression, seconds=60):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.js(expression):
                return
            time.sleep(0.2)
        raise AssertionError(f"not true within {seconds} s: {expression}\n{self.problems}")

    def listen(self, seconds):
        """Take in what the page reports for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                self._note(json.loads(self.socket.recv()))
            except WebSocketTimeoutException:
                break
        self.socket.settimeout(60)

    def screenshot(self, path=None, clip=None, whole=False):
        """PNG bytes of the page, or of a part of it (x, y, width, height)."""
        options = {"captureBeyondViewport": True} if whole or clip else {}
        if clip:
            options["clip"] = dict(zip(("x", "y", "width", "height"), clip, strict=True)) | {"scale": 1}
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png", **options)["data"])
        if path is not None:
            Path(path).write_bytes(data)
        return data

    def pdf(self, path=None):
        """The page as printed on A4."""
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        data = base64.b64decode(self.call("Page.printToPDF", **size)["data"])
        if path is not None:
            Path(path).write_bytes(data)
        return data
