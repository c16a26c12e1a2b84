"""The page in Chromium, while 1,000 ranks report once a second: first paint, delay to the screen, what it costs."""
import gzip
import json
import pathlib
import re
import shutil
import statistics
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/launcher/api"))
from chromium import DESK, chromium, show_live  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WATCH = """
window.shown = [];
new MutationObserver(() => {
  const step = Number(document.querySelector("#run-step").textContent.replace(/[^0-9]/g, ""));
  if (window.shown.at(-1)?.step !== step) window.shown.push({ step, at: Date.now() / 1000 });
}).observe(document.querySelector("#run-step"), { childList: true, characterData: true, subtree: true });
0"""


def get(cluster, path):
    with urllib.request.urlopen(f"http://{cluster.address}{path}", timeout=10) as reply:
        return reply.read()


def transferred_bytes(cluster):
    """All that a first visit fetches, as gzip leaves it."""
    page = get(cluster, "/").decode()
    files = set(re.findall(r'(?:src|href)="(/assets/[^"]+)"', page))
    todo, seen = sorted(files), set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.endswith(".js") and "d3" not in path:
            todo += [f"/assets/{name}" for name in re.findall(r'from "\./([^"]+)"', get(cluster, path).decode())]
    return len(gzip.compress(page.encode())) + sum(len(gzip.compress(get(cluster, path))) for path in seen)


def browser_seconds(browser):
    """CPU time of all processes of a browser."""
    session = browser.new_browser_cdp_session()
    spent = sum(process["cpuTime"] for process in session.send("SystemInfo.getProcessInfo")["processInfo"])
    session.detach()
    return spent


def first_paint(page, url):
    """The median of five visits, the first of a browser left out."""
    times = []
    for _ in range(6):
        show_live(page, url)
        painted = page.wait_for_function("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        times.append(painted.json_value())
    return statistics.median(times[1:])


def delay_to_screen(page, cluster, seconds):
    """From the time that rank 0's record bears to its step on the screen."""
    page.wait_for_selector("#run-step:has-text('step ')")
    page.evaluate(WATCH)
    page.wait_for_timeout(1000 * seconds)
    shown = page.evaluate("window.shown")
    points = json.loads(get(cluster, f"/json/history?run={cluster.run_id}&limit=5000"))["points"]
    made = {point["step"]: point["time"] for point in points}
    return [1000 * (one["at"] - made[one["step"]]) for one in shown[1:] if one["step"] in made]


def measure(cluster, cpu_seconds):
    """[(measure, value, unit)]; nothing without a Chromium."""
    if CHROMIUM is None:
        return []
    seconds = max(10, cluster.seconds)
    rows = [("page_transferred", round(transferred_bytes(cluster) / 1024), "KiB")]
    with chromium(CHROMIUM) as browser:
        page = browser.new_page(viewport=DESK)
        rows.append(("first_paint", round(first_paint(page, f"http://{cluster.address}/status")), "ms"))
        spent = browser_seconds(browser)
        scheduler = cpu_seconds(cluster.scheduler.pid)
        delays = delay_to_screen(page, cluster, seconds)
        spent = browser_seconds(browser) - spent
        scheduler = cpu_seconds(cluster.scheduler.pid) - scheduler
    rows.append(("delay_to_screen_p50", round(statistics.median(delays)), "ms"))
    rows.append(("delay_to_screen_worst", round(max(delays)), "ms"))
    rows.append(("page_cpu_1000_ranks", round(100 * spent / seconds, 1), "% of a core"))
    rows.append(("scheduler_cpu_1000_ranks", round(100 * scheduler / seconds, 1), "% of a core"))
    return rows
