#!/usr/bin/env python3
"""Memory of a rank at each ZeRO stage, beside its formula.

    scripts/bench zero_memory [--quick] [--json FILE]

A GPT of 253 M parameters (--quick: 57 M) trains 2 steps of 8 tokens with AdamW in fp32 on 1, 2, 4 and 8 ranks of one node.
Memory is the ranks' PSS together (what several map counts once), less that of the same program with a model of almost
nothing, divided by the ranks. Its formula: parameters, gradients and Adam's two moments, 4 bytes each an element, whole or over
the ranks as the stage says; shared parameters once a node. A stage passes with at most 5 % + 64 MiB above its formula.
PyTorch's FSDP2 stands beside ZeRO 3, above its own baseline.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy

TRAIN_STEP = pathlib.Path(__file__).resolve().parent.parent / "train_step"
sys.path.insert(0, str(TRAIN_STEP))
from run import parser_of, rank_environments, run_ranks, write_results  # noqa: E402

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


def run(build, model, setting, inputs):
    """Rank 0's report of one system; inputs: the folder of tokens-RANKS.bin and of weights."""
    system, ranks, zero, shared = setting
    program = str(pathlib.Path(build) / "bin" / "bench_train_step")
    shape = [f"--{name}={value}" for name, value in {**model, **SHAPE}.items()]
    command = [program, f"--zero={zero}", *(["--shared"] if shared else [])]
    if system == "fsdp2":
        weights = inputs / f"weights-{model['width']}.safetensors"
        if not weights.exists():
            subprocess.run([program, *shape, f"--write-weights={weights}"], check=True)
        command = [sys.executable, str(TRAIN_STEP / "peer.py"), "--system=fsdp2", f"--weights={weights}"]
    return run_ranks([[*command, f"--data={inputs / f'tokens-{ranks}.bin'}", *shape]] * ranks, rank_environments(ranks))


def label(row):
    stage = row["system"] if row["system"] == "fsdp2" else f"zero-{row['zero']}"
    return f"{stage}{' shared' if row['shared'] else ''}"


def available_mib():
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1024


def measure(build, model, settings, inputs):
    baselines, rows, passed_over = {}, [], []
    for setting in settings:
        system, ranks, zero, shared = setting
        name = f"{ranks} ranks, {label({'system': system, 'zero': zero, 'shared': shared})}"
        if (system, ranks) not in baselines:
            of_nothing = (system, ranks, 1 if ranks > 1 else 0, False)
            baselines[system, ranks] = run(build, EMPTY_MODEL, of_nothing, inputs)["all_ranks_pss_mib"]
        elements = 12 * model["layers"] * model["width"] ** 2
        # FSDP2 builds the model whole on every rank before it is cut.
        at_first = 4.5 * elements / MIB if system == "fsdp2" else 0
        needed = max(formula_mib(elements, zero, shared, ranks), at_first) * ranks + baselines[system, ranks]
        if needed > 0.9 * available_mib():
            passed_over.append(f"{name}: needs {needed:.0f} MiB")
            continue
        found = run(build, model, setting, inputs)
        parameters = found.get("parameters", rows[0]["parameters"] if rows else elements)
        expected = formula_mib(parameters, zero, shared, ranks)
        mib = (found["all_ranks_pss_mib"] - baselines[system, ranks]) / ranks
        allowed = expected * (1 + ALLOWED_SHARE) + ALLOWED_MIB
        rows.append({"system": system, "ranks": ranks, "zero": zero, "shared": shared, "parameters": parameters,
                     "mib_a_rank": round(mib, 1), "formula_mib": round(expected, 1), "allowed_mib": round(allowed, 1),
                     "met": mib <= allowed})
        print(f"{name}: {mib:.0f} MiB a rank", file=sys.stderr)
    return rows, passed_over


def draw(rows, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axis = pyplot.subplots(figsize=(7.5, 1.2 + 0.26 * len(rows)))
    names = [f"{label(r)} ({r['ranks']})" for r in rows]
    colors = ["#9aa5ab" if r["system"] == "fsdp2" else "#0b6e99" for r in rows]
    axis.barh(names, [r["mib_a_rank"] for r in rows], color=colors, label="measured")
    axis.scatter([r["formula_mib"] for r in rows], names, color="#d9480f", marker="|", s=160, zorder=3, label="formula")
    axis.set_xlabel("MiB a rank (ranks in brackets)")
    axis.invert_yaxis()
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"Memory of {rows[0]['parameters'] / 1e6:.0f} M parameters, AdamW, fp32", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main():
    options = parser_of(__doc__, "a smaller model, at most 4 ranks").parse_args()
    all_ranks = (1, 2, 4) if options.quick else (1, 2, 4, 8)
    settings = [("trireme", 1, 0, False)]
    for ranks in all_ranks[1:]:
        settings += [("trireme", ranks, 0, False)]
        settings += [("trireme", ranks, zero, shared) for zero in (1, 2, 3) for shared in (False, True)]
        settings += [("fsdp2", ranks, 3, False)]
    with tempfile.TemporaryDirectory() as folder:
        for ranks in all_ranks:
            tokens = numpy.random.default_rng(7).integers(0, 256, size=(2, ranks, 1, 9)).astype(numpy.int64)
            tokens.tofile(pathlib.Path(folder) / f"tokens-{ranks}.bin")
        rows, passed_over = measure(options.build, QUICK_MODEL if options.quick else MODEL, settings, pathlib.Path(folder))
    print(f"{'stage':<16}{'ranks':>6}{'MiB a rank':>12}{'formula':>10}{'allowed':>10}")
    for r in rows:
        print(f"{label(r):<16}{r['ranks']:>6}{r['mib_a_rank']:>12.1f}{r['formula_mib']:>10.1f}{r['allowed_mib']:>10.1f}"
              f"{'' if r['met'] else '   NOT met'}")
    for line in passed_over:
        print(f"not run for lack of memory: {line}")
    write_results("zero_memory", options, draw, rows=rows, not_run=passed_over)


if __name__ == "__main__":
    main()
