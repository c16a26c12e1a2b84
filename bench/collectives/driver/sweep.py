"""Measures every size of every operation on every system, in turn, several rounds over."""
import dataclasses
import statistics
import sys
import time

from .group import GroupError
from .operations import bus_factor, fitting_size, show_size


@dataclasses.dataclass
class Plan:
    """How much time a measurement gets, and when to stop."""
    rounds: int
    seconds: float  # of one turn of one system
    samples: int  # at least, in a turn
    deadline: float = float("inf")  # of time.monotonic(): sizes after it are left out
    # Seconds: a system whose operation would take longer is left out of this size and the larger ones.
    patience: float = 5.0


def row(name, operation, size, ranks, buffer, rounds, place):
    median = statistics.median(r["median_us"] for r in rounds)
    p90 = statistics.median(r["p90_us"] for r in rounds)
    algbw = size / median / 1e3  # bytes a microsecond are MB/s
    result = {"system": name, "op": operation, "bytes": size, "ranks": ranks, **place, "buffer": buffer,
              "median_us": round(median, 3), "p90_us": round(p90, 3), "algbw_gb_s": round(algbw, 4),
              "busbw_gb_s": round(algbw * bus_factor(operation, ranks), 4), "samples": sum(r["samples"] for r in rounds),
              "wrong": sum(r["wrong"] for r in rounds)}
    for key in rounds[0]["more"]:  # the roof's kernel and bandwidths
        values = [r["more"][key] for r in rounds]
        result[key] = statistics.mode(values) if key == "kernel" else round(statistics.median(map(float, values)), 2)
    return result


def lanes_of(groups, systems, operation):
    """(system, buffer) of every line of the picture. A barrier has no buffer: it runs once a system."""
    return [(name, buffer) for name in groups if operation in systems[name].operations
            for buffer in systems[name].buffers[:1 if operation == "barrier" else None]]


def sweep(groups, systems, operation, sizes, ranks, plan, place, rows):
    """Adds the rows of one operation to `rows`, and returns them. Rounds go size by size over all systems, so that a slow spell of the machine hits all alike.

    `groups`: {name: Group}; `systems`: {name: System}; `place`: {"nodes": 1} and what else every row says. A peer whose ranks
    fail is dropped from `groups`; a failure of Trireme's is raised.
    """
    added, lanes = [], lanes_of(groups, systems, operation)
    newest = {}  # of each lane
    for size in dict.fromkeys(fitting_size(operation, size, ranks) for size in sizes):
        if time.monotonic() > plan.deadline:
            print(f"left out for lack of time: {operation} {show_size(size)}, {ranks} ranks", file=sys.stderr)
            continue
        for lane in [lane for lane in lanes if lane in newest and expected_seconds(newest[lane], size) > plan.patience]:
            print(f"left out from {operation} {show_size(size)}, {ranks} ranks: {lane[0]}, about "
                  f"{expected_seconds(newest[lane], size):.1f} s an operation", file=sys.stderr)
            lanes.remove(lane)
        if not lanes:
            break
        found = measure_size(groups, operation, size, plan, lanes)
        lanes = [lane for lane in lanes if lane in found]
        new = [row(name, operation, size, ranks, buffer, rounds, place) for (name, buffer), rounds in found.items()]
        newest = {(r["system"], r["buffer"]): r for r in new}
        rows += new
        added += new
        print(f"{operation} {show_size(size)}, {ranks} ranks: " + ", ".join(
            f"{r['system']}{'/arena' if r['buffer'] == 'arena' and r['system'] != 'roof' else ''} {r['median_us']:.4g}"
            for r in new) + " us", file=sys.stderr, flush=True)
    return added


def expected_seconds(smaller, size):
    """Of one operation, from the row of a smaller size: in proportion where bytes, not steps, take the time."""
    growth = size / smaller["bytes"] if smaller["bytes"] >= 256 << 10 else 1
    return smaller["median_us"] / 1e6 * growth


def measure_size(groups, operation, size, plan, lanes):
    """{lane: its rounds}. A lane that took very long in its first round has no further ones; one that failed has none."""
    found, exhausted = {lane: [] for lane in lanes}, set()
    for _ in range(plan.rounds):
        for name, buffer in lanes:
            if (name, buffer) in exhausted or name not in groups:
                continue
            start = time.monotonic()
            try:
                found[name, buffer].append(groups[name].measure(operation, size, buffer, plan.seconds, plan.samples))
            except GroupError as failure:
                if name == "trireme":
                    raise
                print(f"left out from here on: {failure}", file=sys.stderr)
                groups.pop(name).close()
            if time.monotonic() - start > 4 * plan.patience:
                exhausted.add((name, buffer))
    return {lane: rounds for lane, rounds in found.items() if lane[0] in groups}
