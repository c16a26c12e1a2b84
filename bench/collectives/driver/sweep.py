"""Measures every size of every operation on every system, in turn, several rounds over."""
import statistics
import sys

from .operations import bus_factor, fitting_size, show_size


def row(name, operation, size, ranks, nodes, buffer, rounds):
    median = statistics.median(r["median_us"] for r in rounds)
    p90 = statistics.median(r["p90_us"] for r in rounds)
    algbw = size / median / 1e3  # bytes a microsecond are MB/s
    result = {"system": name, "op": operation, "bytes": size, "ranks": ranks, "nodes": nodes, "buffer": buffer,
              "median_us": round(median, 3), "p90_us": round(p90, 3), "algbw_gb_s": round(algbw, 3),
              "busbw_gb_s": round(algbw * bus_factor(operation, ranks), 3), "samples": sum(r["samples"] for r in rounds),
              "wrong": sum(r["wrong"] for r in rounds)}
    for key in rounds[0]["more"]:  # the roof's kernel and bandwidths
        values = [r["more"][key] for r in rounds]
        result[key] = statistics.mode(values) if key == "kernel" else round(statistics.median(map(float, values)), 2)
    return result


def sweep(groups, systems, operation, sizes, ranks, plan, nodes=1):
    """Rows of one operation. Rounds go size by size over all systems, so that a slow spell of the machine hits all alike.

    `groups`: {name: Group}; `systems`: {name: System}; `plan`: rounds, seconds and samples of a measurement.
    """
    rows = []
    for size in dict.fromkeys(fitting_size(operation, size, ranks) for size in sizes):
        lanes = [(name, buffer) for name in groups if operation in systems[name].operations
                 for buffer in systems[name].buffers if not (operation == "barrier" and buffer != systems[name].buffers[0])]
        rounds = {lane: [] for lane in lanes}
        for _ in range(plan.rounds):
            for name, buffer in lanes:
                rounds[name, buffer].append(
                    groups[name].measure(operation, size, buffer, plan.seconds, plan.samples))
        rows += [row(name, operation, size, ranks, nodes, buffer, rounds[name, buffer]) for name, buffer in lanes]
        best = min(rows[-len(lanes):], key=lambda r: r["median_us"]) if lanes else None
        if best:
            print(f"{operation} {show_size(size)}, {ranks} ranks: fastest {best['system']} ({best['buffer']}) "
                  f"{best['median_us']:.2f} us", file=sys.stderr, flush=True)
    return rows
