#!/usr/bin/env python3
"""The dashboard in a real browser, over a real cluster: a run that is well, slow, stuck and dead, a lost node, Dask tasks.

    dashboard.py LAUNCHER TRAIN_GPT2 CHROMIUM [--pictures FOLDER]     # pictures: also for docs/dashboard.md
"""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/launcher/api"))
from browser import Browser  # noqa: E402
from cluster_client import Cluster  # noqa: E402

LAUNCHER, TRAIN, CHROMIUM = sys.argv[1:4]
PICTURES = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else None
VIEWS = ("status", "ranks", "topology", "tasks", "logs", "runs")
MODEL = ("--layers", "2", "--width", "64", "--heads", "2", "--length", "64", "--batch", "8", "--validate-every", "50",
         "--checkpoint-every", "0", "--steps", "100000", "--zero", "3")


class TrainingCluster(Cluster):
    """Four local nodes that train on a text."""

    def __init__(self):
        super().__init__(LAUNCHER, 4)

    def train(self, name, *options):
        reply = self.launch("submit", "--json", "--name", name, "-n", "4", "--", TRAIN, "--data", self.text(), *MODEL,
                            "--run-dir", self.folder / name, *options)
        return json.loads(reply)["run_id"]

    def text(self):
        prepared = self.folder / "text.bin"
        if not prepared.exists():
            source = self.folder / "text"
            source.write_bytes((ROOT / "README.md").read_bytes() + (ROOT / "ARCHITECTURE.md").read_bytes())
            subprocess.run([ROOT / "scripts/prepare_text", "--source", source, "--output", prepared], check=True,
                           capture_output=True)
        return prepared

    def processes(self, **wanted):
        """Processes of this cluster that have these variables."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = dict(entry.split("=", 1) for entry in (folder / "environ").read_text(errors="replace").split("\0")
                                 if "=" in entry)
                if variables.get("XDG_STATE_HOME") != self.environment["XDG_STATE_HOME"]:
                    continue
                if all(variables.get(key) == value for key, value in wanted.items()):
                    found.append((int(folder.name), (folder / "comm").read_text().strip()))
        return found

    def rank(self, number, run_id):
        programs = [pid for pid, name in self.processes(OMPI_COMM_WORLD_RANK=str(number), TRIREME_RUN_ID=run_id)
                    if name == "train_gpt2"]
        if len(programs) != 1:
            raise AssertionError(f"rank {number} of {run_id} has the processes {programs}")
        return programs[0]

    def agent(self, node):
        for pid, _ in self.processes():
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "agent" in words and node in words:
                return pid
        raise AssertionError(f"{node} has no agent")

    def url(self, path):
        return f"http://127.0.0.1:{self.http}/{path}"

    def get(self, path):
        with urllib.request.urlopen(self.url(path), timeout=10) as reply:
            return reply.read().decode()

    def insight(self, run_id):
        return json.loads(self.get(f"json/run?run={run_id}"))["insight"]


class Slowed:
    """Holds a process up for half of its time."""

    def __init__(self, pid):
        self.pid, self.done = pid, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.done.wait(0.05)
            os.kill(self.pid, signal.SIGCONT)
            self.done.wait(0.05)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class MainThreadHeld:
    """Stops the main thread of a process and no other, as a debugger does: it lives, and does nothing."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, pid):
        self.pid = pid
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def call(self, request):
        if self.libc.ptrace(request, self.pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of {self.pid}")

    def __enter__(self):
        self.call(self.SEIZE)
        self.call(self.INTERRUPT)
        os.waitpid(self.pid, 0x40000000)  # __WALL

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.call(self.DETACH)


class Page:
    def __init__(self, browser, cluster):
        self.browser, self.cluster = browser, cluster

    def show(self, view, run_id=None):
        self.browser.open(self.cluster.url(view + (f"#run={run_id}" if run_id else "")))
        self.browser.wait_for("document.querySelector('#link')?.textContent === 'live'")

    def text(self, selector):
        return self.browser.value(f"document.querySelector({selector!r})?.textContent") or ""

    def count(self, selector):
        return self.browser.value(f"document.querySelectorAll({selector!r}).length")

    def wait_for_text(self, selector, wanted, patience=40):
        try:
            self.browser.wait_for(f"document.querySelector({selector!r})?.textContent.includes({wanted!r})", patience)
        except AssertionError as error:
            raise AssertionError(f"{selector} does not say {wanted!r} but {self.text(selector)!r}") from error

    def wait_for_count(self, selector, wanted):
        self.browser.wait_for(f"document.querySelectorAll({selector!r}).length >= {wanted}")

    def click(self, selector):
        self.browser.wait_for(f"document.querySelector({selector!r}) !== null")
        self.browser.value(f"document.querySelector({selector!r}).click()")

    def painted(self, selector):
        """How many colours a canvas has."""
        return self.browser.value(f"""(() => {{
            const canvas = document.querySelector({selector!r});
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            const colours = new Set();
            for (let at = 0; at < data.length; at += 4) colours.add(`${{data[at]}},${{data[at + 1]}},${{data[at + 2]}},${{data[at + 3]}}`);
            return colours.size; }})()""")

    def picture(self, name, view, run_id=None, scheme="light", phone=False):
        if PICTURES is None:
            return
        size = (390, 844, scheme, 2) if phone else (1500, 1000, scheme, 1)
        self.browser.look_like(*size)
        self.show(view, run_id)
        time.sleep(6 if view in ("status", "ranks", "tasks") else 2)  # for the maps to have some columns
        self.browser.picture(PICTURES / f"{name}.png", whole_page=True)
        self.browser.look_like(1500, 1000)
        print(f"    {PICTURES / name}.png")


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def healthy(cluster, page):
    run_id = cluster.train("healthy")
    page.show("status", run_id)
    page.wait_for_text("#verdict-condition", "healthy", 90)
    page.wait_for_count("#chart-loss path.curve[d]", 1)
    page.wait_for_count("#ranks tbody tr", 4)
    page.browser.wait_for("document.querySelector('#run-figures').textContent.includes('Efficiency')")
    figures = page.text("#run-figures")
    expect("Loss–" not in figures and "Tokens/s–" not in figures and "Efficiency–" not in figures, figures)
    expect("–" in figures or page.text("#run-step").startswith("step "), page.text("#run-step"))
    page.wait_for_count("#places tbody tr", 1)
    page.wait_for_text("#tail", "[0] step")
    page.browser.wait_for("document.querySelector('#heat').height > 20")
    expect(page.painted("#heat") > 5, "the heat map is empty")
    page.picture("healthy", "status", run_id)
    page.picture("healthy-dark", "status", run_id, "dark")
    page.picture("phone", "status", run_id, phone=True)
    return run_id


def ranks_view(page, run_id):
    page.show("ranks", run_id)
    page.wait_for_count("#memory .bar-row", 4)
    expect(page.count("#memory .mark") == 4, "memory is not shown against the formula")
    page.browser.value("document.querySelector('#ranks-find').value = 'node2'")
    page.browser.value("document.querySelector('#ranks-find').dispatchEvent(new Event('input'))")
    page.browser.wait_for("document.querySelectorAll('#ranks tbody tr').length === 1")
    page.picture("ranks-zero3", "ranks", run_id)


def topology_view(page, run_id):
    page.show("topology", run_id)
    page.wait_for_count("#topology .node-box", 4)
    page.wait_for_text("#topology", "MiB/s")
    page.wait_for_count("#topology .rank-cell", 4)
    page.picture("topology", "topology", run_id)


def logs_view(page, run_id):
    page.show("logs", run_id)
    page.wait_for_text("#log", "[0] step")
    page.browser.value("document.querySelector('#log-find').value = '/GPT-2 of \\\\d+ parameters/'")
    page.browser.value("document.querySelector('#log-find').dispatchEvent(new Event('input'))")
    page.wait_for_text("#log-note", "1 of the newest")
    expect("parameters, 4 ranks" in page.text("#log"), page.text("#log"))


def slow_rank(cluster, page, run_id):
    page.show("status", run_id)
    with Slowed(cluster.rank(2, run_id)):
        page.wait_for_text("#verdict-condition", "slow rank", 60)
        page.wait_for_text("#verdict-headline", "rank 2 on node2 computes")
        page.browser.wait_for("document.querySelector('#ranks tr[data-suspect=\"true\"] td')?.textContent === '2'")
        page.picture("slow-rank", "status", run_id)
    page.wait_for_text("#verdict-condition", "healthy", 60)


@contextlib.contextmanager
def held_outside(cluster, run_id, number):
    """Holds a rank where the others wait for it, and not in the collective that they are in."""
    for _ in range(20):
        with MainThreadHeld(cluster.rank(number, run_id)):
            time.sleep(2.5)  # two pulses of every rank
            places = [view["status"]["collective"] for view in json.loads(cluster.get(f"json/run?run={run_id}"))["rank_views"]]
            held = places.pop(number)
            if all(place["running"] and place["sequence"] > held["sequence"] for place in places):
                yield
                return
    raise AssertionError(f"rank {number} was never found outside: {held}, the others in {places}")


def stuck_rank(cluster, page, run_id):
    page.show("status", run_id)
    with held_outside(cluster, run_id, 1):
        page.wait_for_text("#verdict-condition", "stalled", 60)
        page.wait_for_text("#verdict-headline", "ranks 0, 2, 3 are in")
        page.wait_for_text("#verdict-headline", "rank 1 on node1 has not come")
        expect(cluster.insight(run_id)["suspects"] == [1], str(cluster.insight(run_id)))
        page.browser.wait_for("document.querySelector('#places tr[data-suspect=\"true\"] .mono')?.textContent === '1'")
        page.picture("stuck-rank", "status", run_id)
    page.wait_for_text("#verdict-condition", "healthy", 60)


def dead_rank(cluster, page, run_id):
    page.show("status", run_id)
    os.kill(cluster.rank(3, run_id), signal.SIGKILL)
    page.wait_for_text("#run-status", "failed")
    page.wait_for_text("#verdict-headline", "rank 3 on node3 was killed by signal 9 (SIGKILL)")
    page.wait_for_text("#verdict-advice", f"launcher debug {run_id}")
    page.wait_for_text("#ranks", "killed by signal 9")
    page.picture("dead-rank", "status", run_id)


def buttons(cluster, page, run_id):
    """Run again and cancel, each with the command line it stands for."""
    page.show("status", run_id)
    page.click("#run-actions button")
    page.wait_for_text("#confirm pre", f"launcher rerun {run_id}")
    page.click("#confirm .go")
    page.show("runs")
    page.wait_for_count("#runs-table tbody tr", 2)
    again = page.text("#runs-table tbody tr .pick")
    page.show("status", again)
    page.wait_for_text("#verdict-condition", "healthy", 90)
    return again


def comparison(page, one, other):
    page.show("runs")
    for run_id in (one, other):
        page.click(f"#runs-table [data-run='{run_id}'] input")
    page.wait_for_count("#chart-compare path.curve[d]", 2)
    expect(one in page.text("#compare-table") and other in page.text("#compare-table"), page.text("#compare-table"))
    if PICTURES:
        page.browser.picture(PICTURES / "compare.png", whole_page=True)


def tasks(cluster, page):
    """Dask tasks beside the ranks."""
    from distributed import Client  # pylint: disable=import-outside-toplevel
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{cluster.dask}", "--nworkers", "2",
              "--nthreads", "1", "--no-dashboard", "--local-directory", str(cluster.folder)]
    with subprocess.Popen(worker, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            with Client(f"tcp://127.0.0.1:{cluster.dask}", timeout=60) as client:
                client.wait_for_workers(2, timeout=60)
                squares = client.map(lambda x: time.sleep(0.05) or x * x, range(120), key="square")
                total = client.submit(sum, squares, key="total")
                page.show("tasks")
                page.wait_for_count("#workers tbody tr", 2)
                page.wait_for_text("#task-progress", "square")
                page.wait_for_text("#task-progress", "120 of 120")
                expect(total.result(timeout=60) == sum(x * x for x in range(120)), "a wrong sum")
                page.browser.wait_for("Number(document.querySelector('#stream').dataset.lanes) === 2")
                expect(page.painted("#stream") > 3, "the task stream is empty")
                counts = json.loads(cluster.get("json/counts.json"))
                expect(counts["workers"] == 2 and counts["memory"] == 121, str(counts))
                page.picture("tasks", "tasks")
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def metrics(cluster, run_id):
    """prometheus_client's parser reads /metrics, and it agrees with the rest."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families  # pylint: disable=import-outside-toplevel
    families = {family.name: family for family in text_string_to_metric_families(cluster.get("metrics"))}
    steps = [sample for sample in families["trireme_run_step"].samples if sample.labels["run"] == run_id]
    expect(len(steps) == 1 and steps[0].value > 0, str(steps))
    ranks = {sample.labels["rank"] for sample in families["trireme_rank_step_seconds"].samples if sample.labels["run"] == run_id}
    expect(ranks == {"0", "1", "2", "3"}, str(ranks))
    up = {sample.labels["state"]: sample.value for sample in families["trireme_nodes"].samples}
    expect(up == {"up": 4.0}, str(up))


def accessibility(page, run_id):
    """axe finds nothing serious, on any view, light or dark."""
    import axe_core_python  # pylint: disable=import-outside-toplevel
    axe = (pathlib.Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    for scheme in ("light", "dark"):
        page.browser.look_like(1500, 1000, scheme)
        for view in VIEWS:
            page.show(view, run_id)
            page.browser.value(axe + "; 0")
            page.browser.value("axe.run().then((found) => { window.found = found; }); 0")
            page.browser.wait_for("window.found !== undefined")
            serious = page.browser.value("""JSON.stringify(window.found.violations
                .filter((one) => ["serious", "critical"].includes(one.impact))
                .map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 120)).slice(0, 3)]))""")
            expect(serious == "[]", f"axe on {view}, {scheme}: {serious}")
    page.browser.look_like(1500, 1000)


def lost_node(cluster, page, run_id):
    page.show("status", run_id)
    os.kill(cluster.agent("node3"), signal.SIGKILL)
    page.wait_for_text("#nodes li[data-node='node3'] .pill", "lost")
    page.wait_for_text("#run-status", "failed")
    page.wait_for_text("#verdict-headline", "node3")
    page.picture("lost-node", "status", run_id)


def cancel(page, run_id):
    page.show("status", run_id)
    page.click("#run-actions button")
    page.wait_for_text("#confirm pre", f"launcher cancel {run_id}")
    page.click("#confirm .go")
    page.wait_for_text("#run-status", "cancelled")


def main():
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
    with TrainingCluster() as cluster, Browser(CHROMIUM) as browser:
        browser.look_like(1500, 1000)
        page = Page(browser, cluster)
        first = done("a healthy run", healthy, cluster, page)
        done("ranks and memory", ranks_view, page, first)
        done("topology", topology_view, page, first)
        done("log and search", logs_view, page, first)
        done("metrics", metrics, cluster, first)
        done("a slow rank", slow_rank, cluster, page, first)
        done("a stuck rank", stuck_rank, cluster, page, first)
        done("a dead rank", dead_rank, cluster, page, first)
        done("accessibility", accessibility, page, first)
        again = done("run again", buttons, cluster, page, first)
        done("two runs side by side", comparison, page, first, again)
        done("Dask tasks beside ranks", tasks, cluster, page)
        done("cancel", cancel, page, again)
        last = cluster.train("last")
        page.show("status", last)
        page.wait_for_text("#verdict-condition", "healthy", 90)
        done("a lost node", lost_node, cluster, page, last)
        browser.leave()
        expect(browser.trouble == [], f"the console has errors: {browser.trouble}")
    print("the dashboard: all as expected")


def done(name, check, *arguments):
    began = time.monotonic()
    result = check(*arguments)
    print(f"  {name}: {time.monotonic() - began:.1f} s", flush=True)
    return result


main()
