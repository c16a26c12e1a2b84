#!/usr/bin/env python3
"""Step time of one GPT, the same weights and batches in every system, interleaved in rounds.

    scripts/bench train_step [--quick] [--json FILE]

Systems: `single` (Trireme, one rank), `trireme` over 2 ranks (plain data parallel and each ZeRO stage, with and without one
shared copy of the parameters), and PyTorch: `torch_single` (eager), `ddp` (gloo, gradient_as_bucket_view), `zero_redundancy`
(DDP with ZeroRedundancyOptimizer), `fsdp2`; `deepspeed` on the CPU at its stages, where it runs. One pinned thread a rank, AdamW fused, clip_norm 1.0 everywhere. The losses of a
step must agree between systems of equal world size, or the run fails.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile

import deepspeed_peer
import numpy

HERE = pathlib.Path(__file__).resolve().parent
MODELS = {"gpt-11m": {"layers": 6, "width": 384, "heads": 6}, "gpt-0.9m": {"layers": 4, "width": 128, "heads": 4}}
# Losses of two systems after the same steps in fp32 differ by rounding only.
TOLERANCE = 2e-2


@dataclasses.dataclass(frozen=True)
class System:
    name: str
    ranks: int
    zero: int = 0
    shared: bool = False

    def label(self):
        stage = f" zero-{self.zero}" if self.zero else ""
        return f"{self.name}{stage}{' shared' if self.shared else ''}"

    def is_ours(self):
        return self.name in ("single", "trireme")


PEERS = [System("ddp", 2), System("zero_redundancy", 2, 1), System("fsdp2", 2, 3),
         *(System("deepspeed", 2, zero) for zero in (1, 2, 3))]
SYSTEMS = [System("torch_single", 1), System("single", 1), *PEERS, System("trireme", 2),
           *(System("trireme", 2, zero, shared) for zero in (1, 2, 3) for shared in (True, False))]
# (ours, theirs, batch): at most this many times their time.
TARGETS = [
    ("single", "torch_single", 1, 1.0), ("single", "torch_single", 4, 1.0),
    ("trireme", "single", 1, 1.12), ("trireme", "single", 4, 1.10),
    ("trireme zero-1 shared", "single", 1, 1.05), ("trireme zero-1 shared", "single", 4, 1.09),
    ("trireme", "ddp", 1, 1 / 1.25), ("trireme zero-1 shared", "ddp", 1, 1 / 1.5),
    ("trireme zero-1 shared", "zero_redundancy zero-1", 1, 1 / 1.9),
    ("trireme zero-3 shared", "fsdp2 zero-3", 1, 1 / 3), ("trireme zero-3", "fsdp2 zero-3", 1, 1 / 1.5),
    *((f"trireme{stage}", "ddp", 4, 1.0) for stage in
      ("", " zero-1 shared", " zero-1", " zero-2 shared", " zero-2", " zero-3 shared", " zero-3")),
    ("trireme zero-3 shared", "fsdp2 zero-3", 4, 1 / 1.35),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rank_environments(ranks):
    """What torchrun would tell `ranks` ranks of one node; nothing for a rank alone."""
    if ranks == 1:
        return [{}]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(ranks),
             "LOCAL_WORLD_SIZE": str(ranks)}
    return [{**place, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]


def run_ranks(commands, environments):
    """Runs one process a rank, each pinned to a core of its own; returns rank 0's last line as JSON."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryFile("w+") as errors:
        processes = []
        for rank, (command, environment) in enumerate(zip(commands, environments)):
            pinned = ["taskset", "-c", str(cores[rank % len(cores)]), *command]
            processes.append(subprocess.Popen(pinned, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}, text=True,
                                              stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL, stderr=errors))
        output = processes[0].communicate(timeout=600)[0]
        codes = [process.wait(timeout=60) for process in processes]
        if any(codes):
            errors.seek(0)
            sys.exit(f"{errors.read()[-3000:]}\n{' '.join(map(str, commands[0]))} ended with exit codes {codes}")
    return json.loads(output.strip().splitlines()[-1])


def command_of(system, options, shape, files):
    """What each rank of a system runs."""
    arguments = [f"--{name}={value}" for name, value in
                 {**MODELS[options.model], **shape, "steps": options.steps, "warmup": options.warmup}.items()]
    arguments += [f"--data={files[system.ranks]}", f"--weights={files['weights']}"]
    if system.is_ours():
        return [str(pathlib.Path(options.build) / "bin" / "bench_train_step"), *arguments, f"--zero={system.zero}",
                *(["--shared"] if system.shared else [])]
    return [sys.executable, str(HERE / "peer.py"), f"--system={system.name}", f"--zero={system.zero}", *arguments]


def run_once(system, options, shape, files):
    command = command_of(system, options, shape, files)
    own = deepspeed_peer.environment() if system.name == "deepspeed" else {}
    environments = [{**environment, **own} for environment in rank_environments(system.ranks)]
    return run_ranks([command] * system.ranks, environments)


def write_inputs(options, shape, folder, worlds=(1, 2)):
    """Token windows for each number of ranks, and initial weights that every system starts from."""
    files = {}
    generator = numpy.random.default_rng(7)
    steps = options.steps + options.warmup
    for ranks in worlds:
        files[ranks] = folder / f"tokens-{ranks}.bin"
        # Bytes with structure, so that the loss moves: a random walk.
        walk = generator.integers(-2, 3, size=(steps, ranks, shape["batch"], shape["length"] + 1)).cumsum(axis=-1)
        ((walk + 128) % 256).astype(numpy.int64).tofile(files[ranks])
    files["weights"] = folder / "weights.safetensors"
    program = pathlib.Path(options.build) / "bin" / "bench_train_step"
    model = [f"--{name}={value}" for name, value in {**MODELS[options.model], **shape}.items()]
    subprocess.run([program, *model, f"--write-weights={files['weights']}"], check=True)
    return files


def without_missing(systems, options):
    """The systems that can be measured here; says which cannot, and why."""
    try:
        if any(system.name == "deepspeed" for system in systems):
            deepspeed_peer.install(options.no_setup)
        return systems
    except deepspeed_peer.Missing as error:
        print(f"train_step: left out: deepspeed: {error}", file=sys.stderr)
        return [system for system in systems if system.name != "deepspeed"]


def row(system, options, shape, runs):
    times = [value for run in runs for value in run["step_ms"]]
    quartiles = statistics.quantiles(times, n=4)
    median = statistics.median(times)
    ranks = system.ranks
    return {"system": system.name, "model": options.model, **shape, "ranks": ranks, "zero": system.zero,
            "shared": system.shared,
            "median_ms": round(median, 2), "spread_ms": round(quartiles[2] - quartiles[0], 2),
            "tokens_per_s": round(ranks * shape["batch"] * shape["length"] / median * 1e3),
            "pss_mib": round(statistics.median(run["pss_mib"] for run in runs), 1)}


def check_losses(results):
    for ranks in sorted({system.ranks for system in results}):
        by_system = {system.label(): runs[0]["losses"] for system, runs in results.items() if system.ranks == ranks}
        reference_name, reference = next(iter(by_system.items()))
        for system, losses in by_system.items():
            worst = max(abs(a - b) for a, b in zip(losses, reference))
            if worst > TOLERANCE:
                sys.exit(f"train_step: losses of {system} and {reference_name} differ by {worst:.4f} at {ranks} ranks")


def label(r):
    return System(r["system"], r["ranks"], r["zero"], r["shared"]).label()


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    shapes = sorted({(r["batch"], r["length"]) for r in rows})
    height = 1.2 + 0.3 * len(rows) / len(shapes)
    figure, axes = pyplot.subplots(1, len(shapes), figsize=(5.6 * len(shapes), height), squeeze=False)
    for axis, (batch, length) in zip(axes[0], shapes):
        shown = [r for r in rows if (r["batch"], r["length"]) == (batch, length)]
        colors = ["#0b6e99" if r["system"] in ("single", "trireme") else "#9aa5ab" for r in shown]
        bars = axis.barh([f"{label(r)} ({r['ranks']})" for r in shown], [r["median_ms"] for r in shown],
                         xerr=[r["spread_ms"] / 2 for r in shown], color=colors)
        axis.bar_label(bars, fmt="%.1f", padding=3)
        axis.set_title(f"batch {batch} x length {length}", fontsize=10)
        axis.set_xlabel("ms a step (median, quartiles)")
        axis.invert_yaxis()
        axis.margins(x=0.15)
    figure.suptitle(f"Step time, {rows[0]['model']}, one thread a rank (ranks in brackets)", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def judge(rows):
    """Each target with what was measured."""
    medians = {(label(r), r["batch"]): r["median_ms"] for r in rows}
    targets = []
    for ours, theirs, batch, most in TARGETS:
        if (ours, batch) not in medians or (theirs, batch) not in medians:
            continue
        ratio = medians[ours, batch] / medians[theirs, batch]
        targets.append({"ours": ours, "theirs": theirs, "batch": batch, "at_most": round(most, 3),
                        "ratio": round(ratio, 3), "met": ratio <= most})
    return targets


def print_table(rows, targets):
    print(f"{'system':<24}{'ranks':>6}{'batch':>7}{'length':>8}{'median ms':>11}{'spread':>8}{'tokens/s':>10}{'PSS MiB':>9}"
          f"{'vs torch':>10}")
    for r in rows:
        base = next((b for b in rows if b["batch"] == r["batch"] and
                     b["system"] == ("torch_single" if r["ranks"] == 1 else "ddp")), r)
        print(f"{label(r):<24}{r['ranks']:>6}{r['batch']:>7}{r['length']:>8}{r['median_ms']:>11.2f}{r['spread_ms']:>8.2f}"
              f"{r['tokens_per_s']:>10}{r['pss_mib']:>9.1f}{base['median_ms'] / r['median_ms']:>9.2f}x")
    for t in targets:
        print(f"{'met    ' if t['met'] else 'NOT met'} batch {t['batch']}: {t['ours']} takes {t['ratio']:.2f}x the time of "
              f"{t['theirs']} (at most {t['at_most']:.2f}x)")


def parser_of(text, quick):
    """The arguments that scripts/bench gives every benchmark; quick: what --quick does."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--no-setup", action="store_true", help="build and install nothing (scripts/bench reads this)")
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows to FILE, a picture beside it")
    return parser


def write_results(name, options, draw_rows, **results):
    """Where --json asks for them: the command, rows and more, and a picture of the rows."""
    if not options.json:
        return
    command = f"scripts/bench {name}" + (" --quick" if options.quick else "")
    options.json.write_text(json.dumps({"command": command, **results}, indent=1) + "\n", encoding="utf-8")
    draw_rows(results["rows"], options.json.with_suffix(".png"))


def main():
    parser = parser_of(__doc__, "fewer rounds and steps")
    parser.add_argument("--model", choices=MODELS, default="gpt-11m")
    parser.add_argument("--systems", help="comma-separated names (single,ddp,trireme,…); all by default")
    parser.add_argument("--batches", default="1,4", help="1 (x 64 tokens), 4 (x 128), or both")
    options = parser.parse_args()
    options.steps, options.warmup, rounds = (8, 2, 2) if options.quick else (30, 5, 5)
    wanted = options.systems.split(",") if options.systems else None
    systems = [system for system in SYSTEMS if wanted is None or system.name in wanted]
    shapes = [shape for shape in ({"batch": 1, "length": 64}, {"batch": 4, "length": 128})
              if str(shape["batch"]) in options.batches.split(",")]
    if not systems or not shapes:
        parser.error(f"nothing to run; systems: {', '.join(sorted({s.name for s in SYSTEMS}))}; batches: 1, 4")
    systems = without_missing(systems, options)
    rows = []
    for shape in shapes:
        with tempfile.TemporaryDirectory() as folder:
            files = write_inputs(options, shape, pathlib.Path(folder))
            results = {system: [] for system in systems}
            for number in range(rounds):
                for system in systems:
                    if number == 0 or not (options.quick and system.name == "deepspeed"):  # takes 15 s to start
                        results[system].append(run_once(system, options, shape, files))
                print(f"batch {shape['batch']} x length {shape['length']}: round {number + 1} of {rounds}", file=sys.stderr)
            check_losses(results)
            rows += [row(system, options, shape, results[system]) for system in systems]
    targets = judge(rows)
    print_table(rows, targets)
    write_results("train_step", options, draw, rows=rows, targets=targets)


if __name__ == "__main__":
    main()
