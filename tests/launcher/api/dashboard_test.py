"""The dashboard in a real browser. Usage: dashboard_test.py FACES_DEMO CHROMIUM"""

import pathlib
import re
import sys
import unittest

from browser import Browser
from faces import Faces

CHROMIUM = sys.argv.pop()
PROGRAM = sys.argv.pop()
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
        cls.browser = cls.enterClassContext(Browser(CHROMIUM))

    def setUp(self):
        self.browser.look_like(1600, 1000)
        self.browser.trouble.clear()

    def tearDown(self):
        self.assertEqual(self.browser.trouble, [])

    def show(self, *arguments, path="/"):
        faces = self.enterContext(Faces(PROGRAM, *arguments))
        self.addCleanup(self.browser.leave)  # before the faces end, or the page complains in the next test
        self.browser.open(faces.url(path))
        self.browser.wait_for("document.querySelector('#link')?.textContent === 'live'")
        return faces

    def count(self, selector):
        return self.browser.value(f"document.querySelectorAll({selector!r}).length")

    def text(self, selector):
        return self.browser.value(f"document.querySelector({selector!r})?.textContent")

    def test_shows_nodes_runs_ranks_curves_and_log(self):
        self.show("--still")
        self.browser.wait_for("document.querySelectorAll('#chart-loss path.curve[d]').length === 3")
        self.browser.wait_for("document.querySelector('#log').textContent.includes('step  640')")
        self.assertEqual(self.count("#nodes li"), 4)
        self.assertEqual(self.count("#runs-table tbody tr"), 7)
        self.assertEqual(self.count("#ranks tbody tr"), 4)
        self.assertIn("step 640", self.text("#run-step"))
        self.assertIn("-2", self.text("#ranks .late"))
        self.assertIn("running", self.browser.value("document.title"))

    def test_follows_the_run(self):
        self.show()
        before = self.browser.wait_for("document.querySelector('#run-step').textContent")
        self.browser.wait_for(f"document.querySelector('#run-step').textContent !== {before!r}")

    def test_a_run_can_be_chosen_with_the_keyboard(self):
        self.show("--still")
        self.browser.wait_for("document.querySelector('[data-run=\"r-0005\"] button') !== null")
        self.browser.value("document.querySelector('[data-run=\"r-0005\"] button').focus()")
        self.browser.press("Enter", 13)
        self.browser.wait_for("document.querySelector('#verdict-headline').textContent.includes('killed by signal 9')")
        self.assertEqual(self.browser.value("location.hash"), "#run=r-0005")

    def test_the_cursor_of_the_curves_moves_with_the_keyboard(self):
        self.show("--still")
        self.browser.wait_for("document.querySelectorAll('#chart-time path.curve[d]').length > 0")
        self.browser.value("document.querySelector('#chart-loss svg').focus()")
        self.browser.press("PageUp", 33)
        self.assertEqual(self.count(".cursor-line"), 3)

    def test_says_what_to_type_when_nothing_is_there(self):
        self.show("--empty")
        self.browser.wait_for("!document.querySelector('#runs-empty').hidden")
        self.assertIn("launcher up --nodes 4", self.text("#nodes-empty"))
        self.assertIn("launcher run -n 4 -- ./train_gpt2", self.text("#runs-empty"))
        self.assertTrue(self.browser.value("document.querySelector('#run').hidden"))

    def test_names_are_text_and_never_markup(self):
        self.show("--still", "--name", "<img src=x onerror=alert(1)><b>bold</b>")
        self.browser.wait_for("document.querySelector('#cluster-name').textContent.includes('<b>bold</b>')")
        self.assertEqual(self.count("#cluster-name *"), 0)

    def test_fits_a_phone(self):
        self.browser.look_like(390, 844, scale=2)
        self.show("--still")
        self.browser.wait_for("document.querySelectorAll('#chart-loss path.curve[d]').length === 3")
        self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), 390)

    def test_comes_back_when_the_scheduler_does(self):
        faces = self.show("--still")
        faces.process.stdin.close()
        faces.process.wait(timeout=10)
        self.browser.wait_for("document.querySelector('#link').textContent === 'reconnecting'")
        faces.process.stdin = open("/dev/null", "wb")
        self.enterContext(Faces(PROGRAM, "--still", "--http-port", str(faces.http)))
        self.browser.wait_for("document.querySelector('#link').textContent === 'live'")
        self.browser.trouble.clear()  # the refused connections in between


if __name__ == "__main__":
    unittest.main(verbosity=2)
