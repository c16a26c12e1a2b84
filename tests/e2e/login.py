#!/usr/bin/env python3
"""Logging in to a guarded cluster, in a real browser.

    login.py LAUNCHER CHROMIUM
"""

import pathlib
import signal
import sys
import unittest

from playwright.sync_api import expect

from guarded_cluster import GuardedCluster

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "launcher/api"))
from chromium import DESK, chromium  # noqa: E402

CHROMIUM = sys.argv.pop()
LAUNCHER = sys.argv.pop()
expect.set_options(timeout=20_000)


class Login(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(GuardedCluster(LAUNCHER))
        cls.browser = cls.enterClassContext(chromium(CHROMIUM))

    def setUp(self):
        self.context = self.browser.new_context(viewport=DESK, ignore_https_errors=True)  # it signed its certificate itself
        self.addCleanup(self.context.close)
        self.page = self.context.new_page()
        self.address = f"https://127.0.0.1:{self.cluster.port}"

    def type_in(self, secret):
        self.page.goto(self.address)
        expect(self.page).to_have_url(f"{self.address}/login")
        self.page.get_by_label("or use a token").fill(secret)
        self.page.get_by_role("button", name="Log in").click()

    def is_in(self):
        """The dashboard is there, with a cookie that scripts cannot read, and with no secret in the address."""
        expect(self.page.locator("#link")).to_have_text("live")
        expect(self.page.locator("#nodes li")).to_have_count(1)
        self.assertEqual(self.page.url, f"{self.address}/")
        self.assertNotIn("trm_", self.page.evaluate("document.cookie"))
        [cookie] = self.context.cookies()
        self.assertTrue(cookie["httpOnly"] and cookie["secure"], cookie)
        self.assertEqual(cookie["sameSite"], "Strict")

    def test_a_wrong_token_is_told_so(self):
        self.type_in("trm_" + "0" * 64)
        expect(self.page.locator("#said")).to_contain_text("that is no token of this cluster")
        self.assertEqual(self.context.cookies(), [])

    def test_a_token_logs_in(self):
        self.type_in(self.cluster.tokens["read"])
        self.is_in()

    def test_a_link_logs_in_once(self):
        link = self.cluster.launch("dashboard").strip()
        self.page.goto(link)
        self.is_in()
        again = self.browser.new_page(ignore_https_errors=True)
        self.addCleanup(again.close)
        again.goto(link)
        expect(again.locator("#said")).to_contain_text("a link that was used already")
        self.assertEqual(again.url, f"{self.address}/login")

    def test_the_command_opens_a_browser_without_telling_it_the_secret(self):
        browser, told = self.cluster.folder / "browser", self.cluster.folder / "told"
        browser.write_text(f"#!/bin/sh\nprintf %s \"$*\" >{told}.part && mv {told}.part {told}\n")
        browser.chmod(0o755)
        self.cluster.launch("dashboard", "--open", BROWSER=str(browser))
        for _ in range(200):
            if told.exists():
                break
            self.page.wait_for_timeout(50)
        self.assertNotIn("trm_", told.read_text())
        self.page.goto(f"file://{told.read_text()}")
        self.is_in()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a timeout takes the cluster down too
    unittest.main(verbosity=2)
