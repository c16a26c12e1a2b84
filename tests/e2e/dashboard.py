#!/usr/bin/env python3
"""The dashboard in a real browser, over a real cluster: a run that is well, slow, stuck and dead, a lost node, Dask tasks.

    dashboard.py LAUNCHER TRAIN_GPT2 CHROMIUM [--pictures FOLDER]     # pictures: also for docs/dashboard.md
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from axe_core_python.sync_playwright import Axe
from playwright.sync_api import expect

from training_cluster import ROOT, Slowed, TrainingCluster, held_outside

sys.path.insert(0, str(ROOT / "tests/launcher/api"))
from chromium import DESK, PHONE, chromium, gather_trouble, show_live  # noqa: E402

LAUNCHER, TRAIN, CHROMIUM = sys.argv[1:4]
PICTURES = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else None
VIEWS = ("status", "ranks", "topology", "tasks", "logs", "runs")
START = 90_000  # milliseconds, for a run to begin to train
expect.set_options(timeout=40_000)


def ensure(condition, what):
    if not condition:
        raise AssertionError(what)


class Dashboard:
    """The page, over a cluster."""

    def __init__(self, browser, cluster):
        self.browser, self.cluster = browser, cluster
        self.page = browser.new_page(viewport=DESK)
        self.trouble = gather_trouble(self.page)

    def show(self, view, run_id=None, page=None):
        show_live(page or self.page, self.cluster.url(view + (f"#run={run_id}" if run_id else "")))

    def at(self, selector):
        return self.page.locator(selector)

    def says(self, selector, text, **options):
        expect(self.at(selector)).to_contain_text(text, **options)

    def draws(self, selector, count):
        expect(self.at(selector)).to_have_count(count)

    def colours(self, selector):
        """How many a canvas has."""
        return self.at(selector).evaluate("""canvas => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size; }""")

    def confirm(self, command):
        """Reads the command line that a button stands for, and lets it act."""
        self.says("#confirm pre", command)
        self.at("#confirm .go").click()
        expect(self.at("#confirm")).to_be_hidden()

    def picture(self, name, view, run_id=None, **context):
        """Of a page of its own, so that size and colours stay this page's own business."""
        if PICTURES is None:
            return
        page = self.browser.new_page(**{"viewport": DESK, **context})
        self.show(view, run_id, page)
        page.wait_for_timeout(2500)  # for curves, maps and lines to be there; a picture has no sign of being complete
        self.save(name, page)
        page.close()

    def save(self, name, page=None):
        if PICTURES is None:
            return
        (page or self.page).screenshot(path=PICTURES / f"{name}.png", full_page=True)
        print(f"    {PICTURES / name}.png")


def healthy(cluster, dashboard):
    run_id = cluster.train("healthy")
    dashboard.show("status", run_id)
    dashboard.says("#verdict-condition", "healthy", timeout=START)
    for name in ("loss", "throughput", "time"):
        expect(dashboard.at(f"#chart-{name} path.curve[d]").first).to_be_attached()
    dashboard.draws("#ranks tbody tr", 4)
    dashboard.says("#run-figures", "Efficiency")
    figures = dashboard.at("#run-figures").text_content()
    ensure(not re.search("(Loss|Tokens/s|Efficiency)–", figures), figures)
    dashboard.says("#run-step", re.compile(r"^step \d"))
    expect(dashboard.at("#places tbody tr").first).to_be_visible()
    dashboard.says("#tail", "[0] step")
    dashboard.picture("healthy", "status", run_id)
    dashboard.picture("healthy-dark", "status", run_id, color_scheme="dark")
    dashboard.picture("phone", "status", run_id, viewport=PHONE, device_scale_factor=2, is_mobile=True)
    return run_id


def ranks_view(dashboard, run_id):
    dashboard.show("ranks", run_id)
    dashboard.draws("#memory .bar-row", 4)
    dashboard.draws("#memory .mark", 4)  # what the formula says
    dashboard.at("#ranks-find").fill("node2")
    dashboard.draws("#ranks tbody tr", 1)
    dashboard.picture("ranks-zero3", "ranks", run_id)


def topology_view(dashboard, run_id):
    dashboard.show("topology", run_id)
    dashboard.draws("#topology .node-box", 4)
    dashboard.says("#topology", "MiB/s")
    dashboard.draws("#topology .rank-cell", 4)
    dashboard.picture("topology", "topology", run_id)
    node = "#nodes li[data-node='node3']"
    dashboard.at(f"{node} button").click()
    dashboard.confirm("launcher drain node3")
    dashboard.says(f"{node} .pill", "draining")
    dashboard.at(f"{node} button").click()
    dashboard.confirm("launcher undrain node3")
    dashboard.says(f"{node} .pill", "up")


def logs_view(dashboard, run_id):
    dashboard.show("logs", run_id)
    dashboard.says("#log", "[0] step")
    dashboard.at("#log-find").fill(r"/GPT-2 of \d+ parameters/")
    dashboard.says("#log-note", "1 of the newest")
    dashboard.says("#log", "parameters, 4 ranks")


def slow_rank(cluster, dashboard, run_id):
    dashboard.show("status", run_id)
    with Slowed(cluster.rank(2, run_id)):
        dashboard.says("#verdict-condition", "slow rank", timeout=60_000)
        dashboard.says("#verdict-headline", "rank 2 on node2 computes")
        expect(dashboard.at("#ranks tr[data-suspect='true'] td").first).to_have_text("2")
        dashboard.picture("slow-rank", "status", run_id)
    dashboard.says("#verdict-condition", "healthy", timeout=60_000)


def stuck_rank(cluster, dashboard, run_id):
    dashboard.show("status", run_id)
    with held_outside(cluster, run_id, 1):
        dashboard.says("#verdict-condition", "stalled", timeout=60_000)
        dashboard.says("#verdict-headline", "ranks 0, 2, 3 are in")
        dashboard.says("#verdict-headline", "rank 1 on node1 has not come")
        ensure(cluster.insight(run_id)["suspects"] == [1], str(cluster.insight(run_id)))
        expect(dashboard.at("#places tr[data-suspect='true'] .mono")).to_have_text("1")
        dashboard.picture("stuck-rank", "status", run_id)
    dashboard.says("#verdict-condition", "healthy", timeout=60_000)


def past_at_load(dashboard, run_id):
    """A page that was opened just now shows what went before."""
    dashboard.show("ranks", run_id)
    expect(dashboard.at("#heat")).to_have_attribute("data-columns", re.compile(r"^(\d\d\d|[1-9]\d)$"), timeout=3000)
    ensure(dashboard.colours("#heat") > 5, "the heat map is empty")
    dashboard.draws("#memory .bar-row", 4)


def dead_rank(cluster, dashboard, run_id):
    dashboard.show("status", run_id)
    os.kill(cluster.rank(3, run_id), signal.SIGKILL)
    dashboard.says("#run-status", "failed")
    dashboard.says("#verdict-headline", "rank 3 on node3 was killed by signal 9 (SIGKILL)")
    dashboard.says("#verdict-advice", f"launcher debug {run_id}")
    dashboard.says("#ranks", "killed by signal 9")
    dashboard.picture("dead-rank", "status", run_id)


def accessibility(dashboard, run_id):
    """axe finds nothing serious, on any view, light or dark."""
    axe = Axe()
    for view in VIEWS:
        dashboard.show(view, run_id)
        for scheme in ("dark", "light"):
            dashboard.page.emulate_media(color_scheme=scheme)
            serious = [(one["id"], [node["html"][:120] for node in one["nodes"][:3]])
                       for one in axe.run(dashboard.page)["violations"] if one["impact"] in ("serious", "critical")]
            ensure(not serious, f"axe on {view}, {scheme}: {serious}")


def run_again(dashboard, run_id):
    dashboard.show("status", run_id)
    dashboard.at("#run-actions button").click()
    dashboard.confirm(f"launcher rerun {run_id}")
    dashboard.show("runs")
    dashboard.draws("#runs-table tbody tr", 2)
    again = dashboard.at("#runs-table tbody tr .pick").first.text_content()
    dashboard.show("status", again)
    dashboard.says("#verdict-condition", "healthy", timeout=START)
    return again


def comparison(dashboard, one, other):
    dashboard.show("runs")
    for run_id in (one, other):
        dashboard.at(f"#runs-table [data-run='{run_id}'] input").check()
    expect(dashboard.at("#chart-compare path.curve[d]").nth(1)).to_be_attached()
    dashboard.says("#compare-table", one)
    dashboard.says("#compare-table", other)
    dashboard.save("compare")


def forms(dashboard):
    """A run that is started on the page, and a wish for nodes that is taken back."""
    dashboard.show("runs")
    form = dashboard.at("#submit")
    form.locator("[name=command]").fill("/bin/echo 'two words'")
    form.locator("[name=ranks]").fill("1")
    form.locator("[name=name]").fill("greeting")
    form.locator("button").click()
    dashboard.confirm("launcher submit -n 1 --name greeting -- /bin/echo 'two words'")
    dashboard.says("#runs-table tbody tr:has-text('greeting')", "succeeded")
    dashboard.show("topology")
    dashboard.at("#scale [name=nodes]").fill("5")
    dashboard.at("#scale button").click()
    expect(dashboard.at("#confirm pre")).not_to_be_empty()
    dashboard.at("#confirm button:text-is('Leave it')").click()
    expect(dashboard.at("#confirm")).to_be_hidden()


def tasks(cluster, dashboard):
    """Dask tasks beside the ranks."""
    from distributed import Client  # pylint: disable=import-outside-toplevel
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{cluster.dask}", "--nworkers", "2",
              "--nthreads", "1", "--no-dashboard", "--local-directory", str(cluster.folder)]
    with subprocess.Popen(worker, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            with Client(f"tcp://127.0.0.1:{cluster.dask}", timeout=60) as client:
                client.wait_for_workers(2, timeout=60)
                squares = client.map(lambda x: time.sleep(0.02) or x * x, range(120), key="square")
                total = client.submit(sum, squares, key="total")
                dashboard.show("tasks")
                dashboard.draws("#workers tbody tr", 2)
                dashboard.says("#task-progress", "square")
                dashboard.says("#task-progress", "120 of 120")
                ensure(total.result(timeout=60) == sum(x * x for x in range(120)), "a wrong sum")
                expect(dashboard.at("#stream")).to_have_attribute("data-lanes", "2")
                ensure(dashboard.colours("#stream") > 3, "the task stream is empty")
                counts = json.loads(cluster.get("json/counts.json"))
                ensure(counts["workers"] == 2 and counts["memory"] == 121, str(counts))
                dashboard.picture("tasks", "tasks")
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def metrics(cluster, run_id):
    """prometheus_client's parser reads /metrics, and it agrees with the rest."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families  # pylint: disable=import-outside-toplevel
    families = {family.name: family for family in text_string_to_metric_families(cluster.get("metrics"))}
    steps = [sample for sample in families["trireme_run_step"].samples if sample.labels["run"] == run_id]
    ensure(len(steps) == 1 and steps[0].value > 0, str(steps))
    ranks = {sample.labels["rank"] for sample in families["trireme_rank_step_seconds"].samples if sample.labels["run"] == run_id}
    ensure(ranks == {"0", "1", "2", "3"}, str(ranks))
    up = {sample.labels["state"]: sample.value for sample in families["trireme_nodes"].samples}
    ensure(up == {"up": 4.0}, str(up))


def lost_node(cluster, dashboard, run_id):
    dashboard.show("status", run_id)
    os.kill(cluster.agent("node3"), signal.SIGKILL)
    dashboard.says("#nodes li[data-node='node3'] .pill", "lost")
    dashboard.says("#run-status", "failed")
    dashboard.says("#verdict-headline", "node3")
    dashboard.picture("lost-node", "status", run_id)


def cancel(dashboard, run_id):
    dashboard.show("status", run_id)
    dashboard.at("#run-actions button").click()
    dashboard.confirm(f"launcher cancel {run_id}")
    dashboard.says("#run-status", "cancelled")


def main():
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
    with TrainingCluster(LAUNCHER, TRAIN) as cluster, chromium(CHROMIUM) as browser:
        dashboard = Dashboard(browser, cluster)
        first = done("a healthy run", healthy, cluster, dashboard)
        done("ranks and memory", ranks_view, dashboard, first)
        done("topology", topology_view, dashboard, first)
        done("log and search", logs_view, dashboard, first)
        done("metrics", metrics, cluster, first)
        done("a slow rank", slow_rank, cluster, dashboard, first)
        done("a stuck rank", stuck_rank, cluster, dashboard, first)
        done("the past at load", past_at_load, dashboard, first)
        done("a dead rank", dead_rank, cluster, dashboard, first)
        done("accessibility", accessibility, dashboard, first)
        again = done("run again", run_again, dashboard, first)
        done("two runs side by side", comparison, dashboard, first, again)
        done("Dask tasks beside ranks", tasks, cluster, dashboard)
        done("cancel", cancel, dashboard, again)
        done("forms", forms, dashboard)
        last = cluster.train("last")
        dashboard.show("status", last)
        dashboard.says("#verdict-condition", "healthy", timeout=START)
        done("a lost node", lost_node, cluster, dashboard, last)
        dashboard.page.close()
        ensure(not dashboard.trouble, f"the console has errors: {dashboard.trouble}")
    print("the dashboard: all as expected")


def done(name, check, *arguments):
    began = time.monotonic()
    result = check(*arguments)
    print(f"  {name}: {time.monotonic() - began:.1f} s", flush=True)
    return result


main()
