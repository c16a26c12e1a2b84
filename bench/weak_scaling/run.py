#!/usr/bin/env python3
"""Data parallel steps on 1, 2 and 4 nodes with links of 1 and 10 Gbit/s, beside DDP on the same links.

    scripts/bench weak_scaling [--quick] [--json FILE]      # as root: nodes are network namespaces

One pinned rank a node, the same work on each, so that perfect scaling is one node's step time; where nodes outnumber cores,
times what they outnumber them by. The model, batches and checks are train_step's. The wire alone takes 2(n-1)/n of the
gradients' bytes through each node's link.
"""
import os
import pathlib
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
for neighbour in ("collectives", "train_step"):
    sys.path.insert(0, str(HERE.parent / neighbour))
import run as train_step  # noqa: E402  (this folder's run.py is __main__)
from driver.nodes import Nodes, need_nodes  # noqa: E402
from driver.peers import Missing  # noqa: E402

SHAPE = {"batch": 4, "length": 128}
RATES = (1, 10)
WORLDS = (2, 4)
SYSTEMS = {name: {world: train_step.System(name, world) for world in WORLDS} for name in ("trireme", "ddp")}
ALONE = {"trireme": train_step.System("single", 1), "ddp": train_step.System("torch_single", 1)}
PARAMETERS = 10_866_000  # of gpt-11m, about


def run_on_nodes(nodes, system, options, files):
    command = train_step.command_of(system, options, SHAPE, files)
    started = nodes.rank_commands(1, command)
    environments = [{**environment, "GLOO_SOCKET_IFNAME": "eth0"} for _, environment in started]
    return train_step.run_ranks([command for command, _ in started], environments)


def measure(options, files, folder):
    """{(system, nodes, Gbit/s): runs}, the systems in turns."""
    found = {}
    for number in range(options.rounds):
        for name, system in ALONE.items():
            found.setdefault((name, 1, None), []).append(train_step.run_once(system, options, SHAPE, files))
        for world in WORLDS:
            with Nodes(world, folder / f"nodes-{number}-{world}") as nodes:
                for gbit_s in RATES:
                    nodes.shape(gbit_s)
                    for name, systems in SYSTEMS.items():
                        runs = found.setdefault((name, world, gbit_s), [])
                        runs.append(run_on_nodes(nodes, systems[world], options, files))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return found


def make_rows(found, options):
    rows = []
    cores = len(os.sched_getaffinity(0))
    alone = {name: statistics.median(ms for run in found[name, 1, None] for ms in run["step_ms"]) for name in ALONE}
    for (name, nodes, gbit_s), runs in found.items():
        times = [ms for run in runs for ms in run["step_ms"]]
        quartiles = statistics.quantiles(times, n=4)
        median = statistics.median(times)
        wire = None if gbit_s is None else 2 * (nodes - 1) / nodes * PARAMETERS * 4 * 8 / gbit_s / 1e6
        rows.append({"system": name, "model": options.model, **SHAPE, "nodes": nodes, "ranks": nodes, "gbit_s": gbit_s,
                     "median_ms": round(median, 2), "spread_ms": round(quartiles[2] - quartiles[0], 2),
                     "wire_ms": None if wire is None else round(wire, 1),
                     "efficiency": round(alone[name] * max(1, nodes / cores) / median, 3),
                     "tokens_per_s": round(nodes * SHAPE["batch"] * SHAPE["length"] / median * 1e3)})
    return rows


def check_losses(found):
    for world in WORLDS:
        losses = [runs[0]["losses"] for (_, nodes, _), runs in found.items() if nodes == world]
        worst = max(abs(a - b) for other in losses for a, b in zip(other, losses[0]))
        if worst > train_step.TOLERANCE:
            sys.exit(f"weak_scaling: losses on {world} nodes differ by {worst:.4f}")


def judge(rows):
    by_place = {(row["system"], row["nodes"], row["gbit_s"]): row["median_ms"] for row in rows}
    return [{"nodes": nodes, "gbit_s": gbit_s, "at_most": 1.0, "ratio": round(ms / by_place["ddp", nodes, gbit_s], 3),
             "met": ms <= by_place["ddp", nodes, gbit_s]}
            for (name, nodes, gbit_s), ms in by_place.items() if name == "trireme" and nodes > 1]


def print_table(rows, targets):
    print(f"{'system':<9}{'nodes':>6}{'Gbit/s':>8}{'median ms':>11}{'spread':>8}{'wire ms':>9}{'efficiency':>12}{'tokens/s':>10}")
    for row in rows:
        print(f"{row['system']:<9}{row['nodes']:>6}{row['gbit_s'] or '-':>8}{row['median_ms']:>11.1f}{row['spread_ms']:>8.1f}"
              f"{row['wire_ms'] or '-':>9}{row['efficiency']:>12.0%}{row['tokens_per_s']:>10}")
    for target in targets:
        print(f"{'met    ' if target['met'] else 'NOT met'} {target['nodes']} nodes at {target['gbit_s']} Gbit/s: "
              f"{target['ratio']:.2f}x the time of DDP (at most 1)")


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, len(RATES), figsize=(4.2 * len(RATES), 3.4), sharey=True)
    for axis, gbit_s in zip(axes, RATES):
        for name, color in (("trireme", "#0b6e99"), ("ddp", "#9aa5ab")):
            shown = sorted((r["nodes"], r["efficiency"]) for r in rows if r["system"] == name and r["gbit_s"] in (None, gbit_s))
            axis.plot(*zip(*shown), marker="o", color=color, label=name)
        axis.set_title(f"{gbit_s} Gbit/s", fontsize=10)
        axis.set_xlabel("nodes")
        axis.set_xticks([1, *WORLDS])
        axis.set_ylim(0, 1.1)
    axes[0].set_ylabel("efficiency")
    axes[0].legend(frameon=False)
    figure.suptitle(f"Weak scaling, {rows[0]['model']}, 4 x 128 a node, two cores for all nodes", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main():
    options = train_step.parser_of(__doc__, "fewer rounds and steps").parse_args()
    options.model = "gpt-11m"
    options.steps, options.warmup, options.rounds = (4, 1, 2) if options.quick else (10, 2, 3)
    try:
        need_nodes()
        with tempfile.TemporaryDirectory() as folder:
            files = train_step.write_inputs(options, SHAPE, pathlib.Path(folder), (1, *WORLDS))
            found = measure(options, files, pathlib.Path(folder))
    except Missing as error:
        sys.exit(f"weak_scaling: {error}")
    check_losses(found)
    rows = make_rows(found, options)
    targets = judge(rows)
    print_table(rows, targets)
    train_step.write_results("weak_scaling", options, draw, rows=rows, targets=targets)


if __name__ == "__main__":
    main()
