#!/usr/bin/env python3
"""Dask tasks through this scheduler and the real one: time, CPU and memory a task.

    scripts/bench scheduler [--quick] [--json FILE]

A real client maps trivial tasks over two real workers (one thread each), then over zero workers: one process that speaks the
workers' side of the protocol for 16 workers and finishes every task at once, so that the scheduler is what is measured. The real
scheduler runs with its default settings and with worker-saturation: inf (tuned). Systems take turns. Then a client without
Python takes the real one's place, so that neither it nor the opening of graphs is the limit: tasks that wait behind one gate
(sustained), graphs of one task (submit), and those at fixed times, half as often (half_load), with the time from when a graph
should be sent until a worker is given its task. At last 1,000 zero workers hold tasks that never finish, for the memory.
"""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train_step"))
from run import parser_of, write_results  # noqa: E402  (one home for what scripts/bench gives every benchmark)

SYSTEMS = ("trireme", "dask", "dask_tuned")
ENVIRONMENT = {"dask_tuned": {"DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "inf"}}
PHASES = ("sustained", "submit", "half_load")  # of bench_raw_load
PATIENCE = 120  # seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """Of all its threads, also of those that have ended, to the nanosecond: what clock_getcpuclockid(3) leads to on Linux."""
    return time.clock_gettime(~pid << 3 | 2)


def peak_mib(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text(encoding="ascii").split()]


@contextlib.contextmanager
def process(command, environment=None, **pipes):
    """A process of its own session, ended with all its children."""
    child = subprocess.Popen([str(word) for word in command], env={**os.environ, **(environment or {})}, text=True,
                             start_new_session=True, **pipes)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def wait_for_port(port, child, log):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"a scheduler did not listen on port {port}:\n{pathlib.Path(log).read_text(encoding='utf-8')}")


@contextlib.contextmanager
def scheduler(system, options, folder):
    """(process, port) of a scheduler that listens."""
    port, log = free_port(), pathlib.Path(folder) / f"{system}.log"
    if system == "trireme":
        command = [pathlib.Path(options.build) / "bin" / "launcher", "scheduler", "--name", "bench", "--state-folder",
                   pathlib.Path(folder) / f"state-{port}", "--dask-port", port, "--http-port", free_port(), "--nodes", 0]
    else:
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port,
                   "--no-dashboard", "--no-show"]
    environment = {"TRIREME_DASK_PYTHON": sys.executable, **ENVIRONMENT.get(system, {})}
    with open(log, "w", encoding="utf-8") as out, process(command, environment, stdout=out, stderr=out) as child:
        wait_for_port(port, child, log)
        yield child, port


@contextlib.contextmanager
def real_workers(count, port, folder):
    with contextlib.ExitStack() as stack:
        for number in range(count):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--no-nanny",
                       "--nthreads", 1, "--no-dashboard", "--name", f"w{number}", "--local-directory", folder]
            stack.enter_context(process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        yield None


@contextlib.contextmanager
def zero_workers(count, port, options, hold=False):
    command = [pathlib.Path(options.build) / "bin" / "bench_zero_workers", "--scheduler", f"127.0.0.1:{port}",
               "--workers", count, *(["--hold"] if hold else [])]
    with process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        yield child


def ask(client):
    line = client.stdout.readline()
    if not line:
        raise SystemExit("the client of a round ended early; its errors are above")
    return json.loads(line)


def go_on(client):
    client.stdin.write("\n")
    client.stdin.flush()


def client_process(port, workers, tasks, *words):
    command = [sys.executable, HERE / "client.py", f"tcp://127.0.0.1:{port}", workers, tasks, *words]
    return process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def measured(client, child, generator=None, tasks=None):
    ask(client)
    helpers = children(child.pid)
    before = [cpu_seconds(pid) for pid in (child.pid, *helpers)]
    generator_before = cpu_seconds(generator.pid) if generator else 0
    go_on(client)
    found = ask(client)
    after = [cpu_seconds(pid) for pid in (child.pid, *helpers)]
    generator_share = (cpu_seconds(generator.pid) - generator_before) / found["seconds"] if generator else None
    peak = peak_mib(child.pid)
    go_on(client)
    tasks = tasks or found["finished"]
    if found["finished"] != tasks:
        raise SystemExit(f"{tasks} tasks were submitted and {found['finished']} finished")
    spent = [1e6 * (b - a) / tasks for a, b in zip(before, after)]
    more = {name: value for name, value in found.items() if name not in ("seconds", "finished", "started")}
    return {"tasks": tasks, "us_per_task": 1e6 * found["seconds"] / tasks, "scheduler_cpu_us_per_task": spent[0],
            "helper_cpu_us_per_task": sum(spent[1:]), "peak_rss_mib": peak, "generator_cores": generator_share, **more}


def one_round(system, kind, options, folder):
    count, tasks = (2, options.tasks) if kind == "real" else (16, options.zero_tasks)
    with scheduler(system, options, folder) as (child, port), contextlib.ExitStack() as stack:
        workers = real_workers(count, port, folder) if kind == "real" else zero_workers(count, port, options)
        generator = stack.enter_context(workers)
        client = stack.enter_context(client_process(port, count, tasks))
        return measured(client, child, generator, tasks)


def recorded_graphs(options, folder):
    """Files with an update-graph of so many tasks behind a gate, by system, and with one of one task."""
    files = {}
    with scheduler("trireme", options, folder) as (_, port):
        for system in SYSTEMS:
            tasks = options.raw_tasks[system]
            many, one = (pathlib.Path(folder) / f"{name}-{tasks}" for name in ("many", "one"))
            if not many.exists():
                command = [sys.executable, HERE / "record_graphs.py", f"tcp://127.0.0.1:{port}", many, str(tasks), one]
                subprocess.run(command, check=True)
            files[system] = many, one
    return files


def raw_round(system, files, options, folder):
    """What each phase of bench_raw_load found."""
    many, one = files[system]
    tasks = options.raw_tasks[system]
    with scheduler(system, options, folder) as (child, port):
        command = [pathlib.Path(options.build) / "bin" / "bench_raw_load", "--scheduler", f"127.0.0.1:{port}",
                   "--workers", 16, "--many", many, "--tasks", tasks, "--one", one, "--single", options.single]
        with process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load:
            expected = {"sustained": tasks, "submit": options.single}
            return {phase: measured(load, child, tasks=expected.get(phase)) for phase in PHASES}


def held(options, folder):
    """Memory with 1,000 workers and tasks that never finish."""
    workers, tasks = 1000, options.held_tasks
    with scheduler("trireme", options, folder) as (child, port), zero_workers(workers, port, options, hold=True), \
            client_process(port, workers, tasks, "--held") as client:
        found = ask(client)
        peak = peak_mib(child.pid)
        go_on(client)
    return {"system": "trireme", "kind": "held", "workers": workers, "tasks": found["held"], "peak_rss_mib": round(peak)}


def row(system, kind, rounds):
    median = {name: statistics.median(r[name] for r in rounds) for name in rounds[0] if rounds[0][name] is not None}
    times = [r["us_per_task"] for r in rounds]
    return {"system": system, "kind": kind, "workers": 2 if kind == "real" else 16,
            **{name: round(value, 2) for name, value in median.items()}, "tasks": int(median["tasks"]),
            "us_per_task_spread": [round(min(times), 1), round(max(times), 1)], "rounds": len(rounds)}


def judge(rows):
    at = {(r["system"], r["kind"]): r for r in rows}
    ours, default, tuned = (at[system, "real"] for system in SYSTEMS)
    zero, zero_tuned = at["trireme", "zero"], at["dask_tuned", "zero"]
    sustained = at["trireme", "sustained"]
    both = ours["scheduler_cpu_us_per_task"] + ours["helper_cpu_us_per_task"]
    targets = [
        ("2 real workers, against the default scheduler", default["us_per_task"] / ours["us_per_task"], ">=", 4, "x"),
        ("2 real workers, against the tuned scheduler", tuned["us_per_task"] / ours["us_per_task"], ">=", 1, "x"),
        ("scheduler and helper, CPU a task", both, "<=", 60, "us"),
        ("scheduler alone, CPU a task", ours["scheduler_cpu_us_per_task"], "<=", 8, "us"),
        ("16 zero workers, against the tuned scheduler", zero_tuned["us_per_task"] / zero["us_per_task"], ">=", 3, "x"),
        ("the same without Python's client", at["dask_tuned", "sustained"]["us_per_task"] / sustained["us_per_task"], ">=", 3,
         "x"),
        ("16 zero workers, sustained", 1e6 / sustained["us_per_task"], ">=", 50_000, "tasks/s"),
        ("from submission to a worker at half load, p99", at["trireme", "half_load"]["start_ms_p99"], "<=", 5, "ms"),
    ]
    if ("trireme", "held") in at and at["trireme", "held"]["tasks"] >= 1_000_000:
        targets.append(("1,000 workers and 1,000,000 tasks held", at["trireme", "held"]["peak_rss_mib"], "<=", 1500, "MiB"))
    return [{"target": name, "found": round(found, 2), "asked": f"{sign} {asked} {unit}",
             "met": found >= asked if sign == ">=" else found <= asked} for name, found, sign, asked, unit in targets]


def print_table(rows, targets):
    print(f"{'system':<12}{'workers':>14}{'tasks':>9}{'us/task':>10}{'spread':>16}{'scheduler us':>14}{'helper us':>11}{'MiB':>7}")
    for r in rows:
        if r["kind"] == "held":
            print(f"{r['system']:<12}{r['workers']:>9} held{r['tasks']:>9}{'':>51}{r['peak_rss_mib']:>7}")
            continue
        low, high = r["us_per_task_spread"]
        print(f"{r['system']:<12}{r['workers']:>4}{r['kind']:>10}{r['tasks']:>9}{r['us_per_task']:>10.1f}{f'{low:.0f}-{high:.0f}':>16}"
              f"{r['scheduler_cpu_us_per_task']:>14.1f}{r['helper_cpu_us_per_task']:>11.1f}{r['peak_rss_mib']:>7.0f}"
              + (f"   {r['rate']:.0f} a second start after {r['start_ms_p50']} ms, p99 {r['start_ms_p99']} ms" if "rate" in r else ""))
    for t in targets:
        print(f"{'met    ' if t['met'] else 'NOT met'} {t['target']}: {t['found']} ({t['asked']})")


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 2.8))
    for axis, kind, title in zip(axes, ("real", "zero"), ("2 real workers", "16 zero workers")):
        shown = [r for r in rows if r["kind"] == kind]
        axis.barh([r["system"] for r in shown], [r["us_per_task"] for r in shown],
                  color=["#0b6e99" if r["system"] == "trireme" else "#9aa5ab" for r in shown])
        for place, r in enumerate(shown):
            axis.text(r["us_per_task"], place, f" {r['us_per_task']:.0f}", va="center", fontsize=9)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("microseconds a task")
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main():
    parser = parser_of(__doc__, "fewer rounds and tasks")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.tasks, options.zero_tasks, options.held_tasks, rounds = (
        (5_000, 20_000, 200_000, 2) if options.quick else (10_000, 50_000, 1_000_000, 3))
    options.raw_tasks = {system: options.zero_tasks * 4 if system == "trireme" else options.zero_tasks // 5 for system in SYSTEMS}
    options.single = 1_000
    systems = options.systems.split(",")
    found = {(system, kind): [] for kind in ("real", "zero") for system in systems}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for system, kind in found:
                found[system, kind].append(one_round(system, kind, options, folder))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        files = recorded_graphs(options, folder)
        raw = {system: [] for system in systems}
        for _ in range(rounds):
            for system in systems:
                raw[system].append(raw_round(system, files, options, folder))
        for phase in PHASES:
            for system in systems:
                found[system, phase] = [each[phase] for each in raw[system]]
        rows = [row(system, kind, results) for (system, kind), results in found.items()]
        if "trireme" in systems:
            rows.append(held(options, folder))
    targets = judge(rows) if systems == list(SYSTEMS) else []
    print_table(rows, targets)
    write_results("scheduler", options, draw, rows=rows, targets=targets)


if __name__ == "__main__":
    main()
