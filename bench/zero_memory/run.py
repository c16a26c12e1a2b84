#!/usr/bin/env python3
"""Memory of a rank at each ZeRO stage, beside its formula.

    scripts/bench zero_memory [--quick] [--json FILE]

A GPT of 253 M parameters (--quick: 57 M) trains 2 steps of 8 tokens with AdamW in fp32 on 1, 2, 4 and 8 ranks of one node.
Memory is the ranks' PSS together (what several map counts once), less that of the same program with a model of almost
nothing, divided by the ranks. Its formula: parameters, gradients and Adam's two moments, 4 bytes each an element, whole or over
the ranks as the stage says; shared parameters once a node. A stage passes with at most 5 % + 64 MiB above its formula.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "train_step"))
from run import rank_environments, run_ranks  # noqa: E402

MODEL = {"layers": 20, "width": 1024, "heads": 16}
QUICK_MODEL = {"layers": 8, "width": 768, "heads": 12}
EMPTY_MODEL = {"layers": 1, "width": 16, "heads": 1}
SHAPE = {"batch": 1, "length": 8, "steps": 2, "warmup": 0}
MIB = 1 << 20
# Above the formula: buckets on their way, slots of gathered units, allocator, page tables.
ALLOWED_SHARE, ALLOWED_MIB = 0.05, 64


def formula_mib(elements, zero, shared, ranks):
    """runtime/include/trireme/runtime/zero.h, zero_memory()."""
    parameters = elements / (ranks if (shared and zero) or zero == 3 else 1)
    gradients = elements / (ranks if zero >= 2 else 1)
    moments = 2 * elements / (ranks if zero >= 1 else 1)
    return 4 * (parameters + gradients + moments) / MIB


def run(build, model, ranks, zero, shared, data):
    command = [str(pathlib.Path(build) / "bin" / "bench_train_step"), f"--zero={zero}", f"--data={data}",
               *(["--shared"] if shared else []), *(f"--{name}={value}" for name, value in {**model, **SHAPE}.items())]
    return run_ranks([command] * ranks, rank_environments(ranks))


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1024


def measure(build, model, settings, data):
    baselines, rows, passed_over = {}, [], []
    for ranks, zero, shared in settings:
        if ranks not in baselines:
            baselines[ranks] = run(build, EMPTY_MODEL, ranks, 1 if ranks > 1 else 0, False, data[ranks])["all_ranks_pss_mib"]
        elements = 12 * model["layers"] * model["width"] ** 2
        # The model is built whole on every rank before it is cut.
        needed = max(formula_mib(elements, zero, shared, ranks), 4.5 * elements / MIB) * ranks + baselines[ranks]
        if needed > 0.9 * available_mib():
            passed_over.append(f"{ranks} ranks zero-{zero}{' shared' if shared else ''}: needs {needed:.0f} MiB")
            continue
        found = run(build, model, ranks, zero, shared, data[ranks])
        expected = formula_mib(found["parameters"], zero, shared, ranks)
        mib = (found["all_ranks_pss_mib"] - baselines[ranks]) / ranks
        rows.append({"ranks": ranks, "zero": zero, "shared": shared, "parameters": found["parameters"],
                     "mib_a_rank": round(mib, 1), "formula_mib": round(expected, 1),
                     "allowed_mib": round(expected * (1 + ALLOWED_SHARE) + ALLOWED_MIB, 1),
                     "met": mib <= expected * (1 + ALLOWED_SHARE) + ALLOWED_MIB})
        print(f"{ranks} ranks, zero-{zero}{' shared' if shared else ''}: done", file=sys.stderr)
    return rows, passed_over


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axis = pyplot.subplots(figsize=(7.5, 1.2 + 0.26 * len(rows)))
    names = [f"zero-{r['zero']}{' shared' if r['shared'] else ''} ({r['ranks']})" for r in rows]
    axis.barh(names, [r["mib_a_rank"] for r in rows], color="#0b6e99", label="measured")
    axis.scatter([r["formula_mib"] for r in rows], names, color="#d9480f", marker="|", s=160, zorder=3, label="formula")
    axis.set_xlabel("MiB a rank (ranks in brackets)")
    axis.invert_yaxis()
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Memory of {rows[0]['parameters'] / 1e6:.0f} M parameters, AdamW, fp32", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--no-setup", action="store_true", help="build and install nothing (scripts/bench reads this)")
    parser.add_argument("--quick", action="store_true", help="a smaller model, at most 4 ranks")
    parser.add_argument("--json", type=pathlib.Path, help="write the rows to FILE, a picture beside it")
    options = parser.parse_args()
    all_ranks = (1, 2, 4) if options.quick else (1, 2, 4, 8)
    settings = [(1, 0, False)]
    for ranks in all_ranks[1:]:
        settings += [(ranks, 0, False)] + [(ranks, zero, shared) for zero in (1, 2, 3) for shared in (False, True)]
    with tempfile.TemporaryDirectory() as folder:
        data = {}
        for ranks in all_ranks:
            data[ranks] = pathlib.Path(folder) / f"tokens-{ranks}.bin"
            numpy.random.default_rng(7).integers(0, 256, size=(2, ranks, 1, 9)).astype(numpy.int64).tofile(data[ranks])
        rows, passed_over = measure(options.build, QUICK_MODEL if options.quick else MODEL, settings, data)
    print(f"{'stage':<16}{'ranks':>6}{'MiB a rank':>12}{'formula':>10}{'allowed':>10}")
    for r in rows:
        name = f"zero-{r['zero']}{' shared' if r['shared'] else ''}"
        print(f"{name:<16}{r['ranks']:>6}{r['mib_a_rank']:>12.1f}{r['formula_mib']:>10.1f}{r['allowed_mib']:>10.1f}"
              f"{'' if r['met'] else '   NOT met'}")
    for line in passed_over:
        print(f"not run for lack of memory: {line}")
    if options.json:
        options.json.write_text(json.dumps({"command": "scripts/bench zero_memory" + (" --quick" if options.quick else ""),
                                            "rows": rows, "not_run": passed_over}, indent=1) + "\n", encoding="utf-8")
        draw(rows, options.json.with_suffix(".png"))


if __name__ == "__main__":
    main()
