"""A real browser, without a window: Debian's chromium, driven over its own protocol."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from axe_core_python.selenium import Axe
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = [
    package
    for package, path in {"chromium": CHROMIUM, "chromium-driver": DRIVER}.items()
    if path is None
]
_WITHIN_S = 15.0
"""For whatever a page does by itself; on a machine that does other things too."""
_TOKEN = re.compile("[0-9a-f]{32,}")
_ANOTHER_PAGE = ("belong to the document", "axe is not defined")
"""What chromedriver says, among more, of an element or a script of the page before."""
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--force-prefers-reduced-motion",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--ignore-certificate-errors",  # the sandbox's certificate is of its own making
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class Browser:
    """One browser; every call waits outside the event loop, on which the daemon runs."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver
        self._first = driver.current_window_handle
        self._scripts = True

    async def open(self, url: str) -> None:
        await self._do(lambda: self._driver.get(url))

    async def see(self, text: str) -> None:
        """Wait until the page shows this text."""
        await self._until(lambda: text in self._text())

    async def lose(self, text: str) -> None:
        """Wait until the page shows this text no more."""
        await self._until(lambda: text not in self._text())

    async def press(self, label: str) -> None:
        """Press the button or link that is called so, as a screen reader calls it."""
        await self._until(lambda: _did(WebElement.click, self._called(label)))

    async def choose(self, option: str) -> None:
        """Touch the picture, or the words, of one of several that are to be chosen from."""
        await self._until(lambda: _did(WebElement.click, self._option(option)))

    async def press_twice(self, label: str) -> None:
        """Press the same place twice, whatever has come there meanwhile."""
        await self._until(lambda: _did(self._twice, self._called(label)))

    async def fill(self, label: str, text: str) -> None:
        await self._until(lambda: _did(lambda found: found.send_keys(text), self._field(label)))

    async def key(self, *keys: str) -> None:
        await self._do(lambda: self._driver.switch_to.active_element.send_keys(*keys))

    async def tab(self) -> str:
        """Press the tab key; return what has the focus now."""
        await self.key(Keys.TAB)
        return str(await self.run("return document.activeElement.innerText"))

    async def text(self) -> str:
        return await self._do(self._text)

    async def url(self) -> str:
        return await self._do(lambda: self._driver.current_url)

    async def back(self) -> None:
        await self._do(self._driver.back)

    async def run(self, script: str, *arguments: object) -> Any:
        return await self._do(lambda: self._driver.execute_script(script, *arguments))

    async def source(self) -> str:
        """Return the page without the random tokens of its forms: any number may stand in one."""
        return _TOKEN.sub("", await self._do(lambda: self._driver.page_source))

    async def cookies(self) -> list[dict[str, Any]]:
        return await self._do(self._driver.get_cookies)

    async def in_another_tab(self, url: str) -> None:
        """Open an address beside the page, as on another device."""
        await self._do(lambda: self._driver.switch_to.new_window("tab"))
        await self.open(url)

    async def first_tab(self) -> None:
        """Close this tab, and go back to the first."""

        def close() -> None:
            self._driver.close()
            self._driver.switch_to.window(self._first)

        await self._do(close)

    async def without_scripts(self) -> None:
        """Run no script of any page from here on."""
        self._scripts = False
        await self._do(lambda: self._run_scripts(self._scripts))

    async def size(self, width: int, height: int) -> None:
        await self._do(
            lambda: self._driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            )
        )

    async def dark(self, dark: bool) -> None:
        """Let the pages know that their reader wants them dark, or light."""
        wanted = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._do(
            lambda: self._driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [wanted]}
            )
        )

    async def complaints(self) -> list[str]:
        """Return what the browser itself objects to: scripts that fail, policies not kept."""
        logs: list[dict[str, Any]] = await self._do(lambda: self._driver.get_log("browser"))
        return [entry["message"] for entry in logs if entry["level"] == "SEVERE"]

    async def barriers(self) -> list[str]:
        """Return what keeps people out, by axe: contrast, names, roles, order."""
        found = await self._until(self._axe)
        return [
            f"{each['id']}: {node['html']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def _twice(self, found: WebElement) -> None:
        ActionChains(self._driver).move_to_element(found).click().pause(0.3).click().perform()

    def _axe(self) -> Any:
        """Run axe; on a page that was loaded without scripts, too, as it waits for its own."""
        self._run_scripts(True)
        try:
            return Axe().run(self._driver)
        finally:
            self._run_scripts(self._scripts)

    def _run_scripts(self, run: bool) -> None:
        self._driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})

    def _text(self) -> str:
        return _plain(self._driver.find_element(By.TAG_NAME, "body").text)

    def _called(self, label: str) -> WebElement | None:
        for found in self._driver.find_elements(By.CSS_SELECTOR, "button, a, summary"):
            if found.is_displayed() and label in (
                _plain(found.accessible_name),
                _plain(found.text),
            ):
                return found
        return None

    def _field(self, label: str) -> WebElement | None:
        for found in self._driver.find_elements(By.CSS_SELECTOR, "input, select"):
            if found.is_displayed() and _plain(found.accessible_name) == label:
                return found
        return None

    def _option(self, words: str) -> WebElement | None:
        for found in self._driver.find_elements(By.TAG_NAME, "label"):
            if found.is_displayed() and _plain(found.text) == words:
                return found
        return None

    async def _until(self, found: Callable[[], T]) -> T:
        """Look until it is found. A page may come anew by itself in the middle of a look.

        What was to be done to an element of the page before was not done, and is with the next.
        """
        wait = WebDriverWait(
            self._driver,
            _WITHIN_S,
            poll_frequency=0.05,
            ignored_exceptions=(NoSuchElementException, StaleElementReferenceException),
        )

        def look(_: object) -> T | None:
            try:
                return found()
            except WebDriverException as error:
                if any(each in str(error) for each in _ANOTHER_PAGE):
                    return None
                raise

        return await self._do(lambda: wait.until(look))

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)


def _did(act: Callable[[WebElement], object], found: WebElement | None) -> bool:
    """Do something to an element, if there is one."""
    if found is not None:
        act(found)
    return found is not None


def _plain(text: str) -> str:
    """Return the text with the spaces that a test can be read with."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


@contextmanager
def running(folder: Path) -> Iterator[Chrome]:
    """Start a browser, and end it."""
    options = ChromeOptions()
    assert CHROMIUM is not None
    options.binary_location = CHROMIUM
    for argument in (*_QUIET, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER, log_output=subprocess.DEVNULL))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def knowing_nothing(driver: Chrome) -> Iterator[Browser]:
    """Open a tab without a history, in a browser that knows nobody any more; close it in the end.

    Each test's hub has a port, and so a storage, of its own; cookies do not mind ports.
    """
    before = driver.current_window_handle
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.get_log("browser")  # what was complained of before
    driver.switch_to.new_window("tab")
    try:
        yield Browser(driver)
    finally:
        driver.close()
        driver.switch_to.window(before)
