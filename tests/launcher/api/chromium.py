"""Debian's Chromium, driven by Playwright: nothing is downloaded but its wheel."""

import contextlib

from playwright.sync_api import sync_playwright

DESK = {"width": 1500, "height": 1000}
PHONE = {"width": 390, "height": 844}


@contextlib.contextmanager
def chromium(program):
    """A headless browser, closed at the end of the `with` block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


def gather_trouble(page):
    """Exceptions and refused resources of the page, which gather in the list."""
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(f"{said.text} {said.location}") if said.type == "error" else None)
    return trouble


def show_live(page, url):
    """Loads the page anew, also where only what is behind the # differs, until its stream of events is open."""
    page.goto("about:blank")
    page.goto(url)
    page.wait_for_selector("#link:text-is('live')")
