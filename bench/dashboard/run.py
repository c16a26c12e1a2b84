#!/usr/bin/env python3
"""What port 8787 costs and how fast it answers while ranks report.

    scripts/bench dashboard [--quick] [--json FILE]

A scheduler as `launcher scheduler` runs it, and one node whose ranks report once a second: 64 for gRPC calls and `launcher top`,
1,000 for the page in Chromium. Every measure is a function of MEASURES: it gets the cluster and returns rows {measure, value, unit};
TARGETS judges them.
"""
import contextlib
import importlib.util
import json
import operator
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# One home for processes, ports and what scripts/bench gives every benchmark; it is called run.py too.
spec = importlib.util.spec_from_file_location("scheduler_bench", HERE.parent / "scheduler" / "run.py")
scheduler_bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scheduler_bench)

import page as page_bench  # noqa: E402
import top as top_bench  # noqa: E402

RANKS = 64
CALLERS = 8  # connections that call at the same time


class ReportingCluster:
    """A scheduler and a node whose ranks report; `http` is its port, `scheduler` its process."""

    def __init__(self, options, ranks, hertz, folder):
        self.bin = pathlib.Path(options.build) / "bin"
        self.seconds = options.seconds
        self.ranks, self.hertz, self.folder = ranks, hertz, pathlib.Path(folder)
        self.http = scheduler_bench.free_port()

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        log = self.folder / "scheduler.log"
        with open(log, "w", encoding="utf-8") as out:
            command = [self.bin / "launcher", "scheduler", "--name", "bench", "--state-folder", self.folder / "state",
                       "--dask-port", scheduler_bench.free_port(), "--http-port", self.http, "--nodes", 1]
            self.scheduler = self.stack.enter_context(scheduler_bench.process(command, stdout=out, stderr=out))
        scheduler_bench.wait_for_port(self.http, self.scheduler, log)
        command = [self.bin / "bench_reporting_node", "--scheduler", self.address, "--ranks", self.ranks, "--hertz", self.hertz]
        node = self.stack.enter_context(
            scheduler_bench.process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        self.run_id = scheduler_bench.ask(node)["run_id"]
        return self

    def __exit__(self, *_):
        self.stack.close()

    @property
    def address(self):
        return f"127.0.0.1:{self.http}"


def grpc_status(cluster):
    """Cluster.GetStatus from several connections as fast as it is answered."""
    command = [cluster.bin / "bench_status_calls", "--scheduler", cluster.address, "--threads", CALLERS, "--seconds",
               cluster.seconds]
    before = scheduler_bench.cpu_seconds(cluster.scheduler.pid)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    spent = scheduler_bench.cpu_seconds(cluster.scheduler.pid) - before
    found = json.loads(done.stdout)
    calls = found["calls_per_s"] * cluster.seconds
    return [("grpc_status_calls", round(found["calls_per_s"]), "1/s"), ("grpc_status_p50", round(found["p50_ms"], 3), "ms"),
            ("grpc_status_p99", round(found["p99_ms"], 3), "ms"), ("grpc_status_bytes", found["bytes"], "B"),
            ("grpc_status_scheduler_cpu", round(1e6 * spent / calls, 1), "us/call")]


def page(cluster):
    """The page and the scheduler behind it."""
    return page_bench.measure(cluster, scheduler_bench.cpu_seconds)


def top(cluster):
    """`launcher top` in a terminal of its own."""
    return top_bench.measure(cluster, scheduler_bench.cpu_seconds)


MEASURES = {grpc_status: RANKS, top: RANKS, page: 1000}  # and how many ranks report meanwhile
TARGETS = (("grpc_status_calls", ">=", 5000), ("grpc_status_p99", "<=", 5), ("page_transferred", "<=", 1536),
           ("first_paint", "<=", 500), ("delay_to_screen_p50", "<=", 300), ("page_cpu_1000_ranks", "<=", 30),
           ("scheduler_cpu_1000_ranks", "<=", 15), ("top_cpu_64_ranks", "<", 2))


SIGNS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


def judge(rows):
    at = {row["measure"]: row for row in rows}
    return [{"target": name, "found": at[name]["value"], "asked": f"{sign} {asked} {at[name]['unit']}",
             "met": SIGNS[sign](at[name]["value"], asked)}
            for name, sign, asked in TARGETS if name in at]


def print_table(rows, targets):
    for row in rows:
        print(f"{row['measure']:<32}{row['value']:>12}  {row['unit']}")
    for target in targets:
        print(f"{'met    ' if target['met'] else 'NOT met'} {target['target']}: {target['found']} ({target['asked']})")


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(7, 0.5 + 0.35 * len(rows)))
    axes.axis("off")
    axes.table([[row["measure"], row["value"], row["unit"]] for row in rows], colLabels=["measure", "value", "unit"],
               loc="center", cellLoc="left")
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main():
    parser = scheduler_bench.parser_of(__doc__, "shorter measurements")
    parser.add_argument("--only", help="comma-separated names of measures; all by default")
    options = parser.parse_args()
    options.seconds = 3 if options.quick else 15
    wanted = options.only.split(",") if options.only else [measure.__name__ for measure in MEASURES]
    rows = []
    for measure, ranks in MEASURES.items():
        if measure.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ReportingCluster(options, ranks, 1, folder) as cluster:
            rows += [{"measure": name, "value": value, "unit": unit} for name, value, unit in measure(cluster)]
    targets = judge(rows)
    print_table(rows, targets)
    scheduler_bench.write_results("dashboard", options, draw, rows=rows, targets=targets)


if __name__ == "__main__":
    main()
