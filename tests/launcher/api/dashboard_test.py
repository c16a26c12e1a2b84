"""The dashboard in a real browser. Usage: dashboard_test.py FACES_DEMO CHROMIUM"""

import pathlib
import re
import sys
import unittest

from playwright.sync_api import expect

from chromium import DESK, PHONE, chromium, gather_trouble, show_live
from faces import Faces

CHROMIUM = sys.argv.pop()
PROGRAM = sys.argv.pop()
expect.set_options(timeout=20_000)
CSS = pathlib.Path(__file__).parents[3] / "launcher/api/dashboard/dashboard.css"


def luminance(colour):
    channels = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


class Colours(unittest.TestCase):
    def themes(self):
        """The light and the dark values of all colours."""
        blocks = re.findall(r":root \{(.*?)\n\s*\}", CSS.read_text(), re.DOTALL)
        light, dark = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
        return {"light": light, "dark": {**light, **dark}}

    def test_text_stands_out_from_its_ground(self):
        grounds = ("surface", "ground", "sunken")
        pairs = [(text, ground) for text in ("text", "muted", "accent", "warn") for ground in grounds]
        pairs += [(tone, f"{tone}-ground") for tone in ("ok", "busy", "warn", "bad", "idle")] + [("text", "busy-ground")]
        for name, colours in self.themes().items():
            for text, ground in pairs:
                self.assertGreaterEqual(contrast(colours[text], colours[ground]), 4.5, f"{name}: {text} on {ground}")

    def test_curves_stand_out_from_their_ground(self):
        for name, colours in self.themes().items():
            for series in range(1, 6):
                seen = contrast(colours[f"series-{series}"], colours["surface"])
                self.assertGreaterEqual(seen, 3, f"{name}: series {series}")


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(chromium(CHROMIUM))

    def show(self, *arguments, **context):
        """Made-up data on a page of its own, which makes no trouble."""
        faces = self.enterContext(Faces(PROGRAM, *arguments))
        self.page = self.browser.new_page(**{"viewport": DESK, **context})
        self.trouble = gather_trouble(self.page)
        self.addCleanup(lambda: self.assertEqual(self.trouble, []))
        self.addCleanup(self.page.close)  # before the faces end, or the page complains
        show_live(self.page, faces.url("/"))
        return faces

    def at(self, selector):
        return self.page.locator(selector)

    def test_shows_nodes_runs_ranks_curves_and_log(self):
        self.show("--still")
        expect(self.at("#chart-loss path.curve[d]")).to_have_count(3)
        expect(self.at("#log")).to_contain_text("step  640")
        expect(self.at("#nodes li")).to_have_count(4)
        expect(self.at("#runs-table tbody tr")).to_have_count(7)
        expect(self.at("#ranks tbody tr")).to_have_count(4)
        expect(self.at("#run-step")).to_contain_text("step 640")
        expect(self.at("#ranks .late")).to_contain_text("-2")
        self.assertIn("running", self.page.title())

    def test_follows_the_run(self):
        self.show()
        step = self.at("#run-step")
        expect(step).not_to_have_text(step.text_content())

    def test_a_run_can_be_chosen_with_the_keyboard(self):
        self.show("--still")
        self.at("[data-run='r-0005'] button").press("Enter")
        expect(self.at("#verdict-headline")).to_contain_text("killed by signal 9")
        self.assertEqual(self.page.evaluate("location.hash"), "#run=r-0005")

    def test_the_cursor_of_the_curves_moves_with_the_keyboard(self):
        self.show("--still")
        expect(self.at("#chart-time path.curve[d]").first).to_be_attached()
        self.at("#chart-loss svg").press("PageUp")
        expect(self.at(".cursor-line")).to_have_count(3)

    def test_says_what_to_type_when_nothing_is_there(self):
        self.show("--empty")
        expect(self.at("#runs-empty")).to_contain_text("launcher run -n 4 -- ./train_gpt2")
        expect(self.at("#nodes-empty")).to_contain_text("launcher up --nodes 4")
        expect(self.at("#run")).to_be_hidden()

    def test_names_are_text_and_never_markup(self):
        self.show("--still", "--name", "<img src=x onerror=alert(1)><b>bold</b>")
        expect(self.at("#cluster-name")).to_contain_text("<b>bold</b>")
        expect(self.at("#cluster-name *")).to_have_count(0)

    def test_fits_a_phone(self):
        self.show("--still", viewport=PHONE, device_scale_factor=2, is_mobile=True)
        expect(self.at("#chart-loss path.curve[d]")).to_have_count(3)
        self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), PHONE["width"])

    def test_comes_back_when_the_scheduler_does(self):
        faces = self.show("--still")
        faces.process.stdin.close()
        faces.process.wait(timeout=10)
        expect(self.at("#link")).to_have_text("reconnecting")
        faces.process.stdin = open("/dev/null", "wb")
        self.enterContext(Faces(PROGRAM, "--still", "--http-port", str(faces.http)))
        expect(self.at("#link")).to_have_text("live")
        self.page.goto("about:blank")
        self.trouble.clear()  # the refused connections in between


if __name__ == "__main__":
    unittest.main(verbosity=2)
