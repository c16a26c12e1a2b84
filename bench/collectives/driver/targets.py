"""The targets of the collectives, judged from the rows of one run: median ratios, never times of two runs."""
from .operations import show_size

KIB, MIB = 1 << 10, 1 << 20
LIBRARIES = ("openmpi4", "openmpi5", "mpich5", "gloo")
EVERYTHING = float("inf")


def target(text, met, detail):
    return {"target": text, "met": met, "detail": detail}


def medians(rows, **wanted):
    """{bytes: {(system, buffer): median_us}} of the rows that have these values."""
    found = {}
    for r in rows:
        if all(r.get(key) == value for key, value in wanted.items()):
            found.setdefault(r["bytes"], {})[r["system"], r["buffer"]] = r["median_us"]
    return found


def worst_ratio(by_size, buffer, peers, low, high):
    """(ratio, size, peer) where the best peer's time over ours is least, between the sizes; None without such rows."""
    ratios = []
    for size, times in by_size.items():
        others = {system: time for (system, _), time in times.items() if system in peers}
        if low <= size <= high and others and ("trireme", buffer) in times:
            best = min(others, key=others.get)
            ratios.append((others[best] / times["trireme", buffer], size, best))
    return min(ratios) if ratios else None


def at_least(text, by_size, buffer, peers, low, high, wanted):
    """Ours is at least `wanted` times as fast as the best peer at every size."""
    worst = worst_ratio(by_size, buffer, peers, low, high)
    if worst is None:
        return target(text, None, "not measured in this run")
    ratio, size, best = worst
    return target(text, ratio >= wanted, f"least {ratio:.2f}x, at {show_size(size)} against {best}")


def within(text, by_size, reference, low, high, allowed):
    """Ours takes at most `allowed` times the reference's time at every size."""
    worst = worst_ratio(by_size, "arena", (reference,), low, high)
    if worst is None:
        return target(text, None, "not measured in this run")
    ratio, size, _ = worst
    return target(text, 1 / ratio <= allowed, f"at most {1 / ratio:.2f}x, at {show_size(size)}")


def two_rank_targets(rows):
    reduced = medians(rows, op="all_reduce", ranks=2, nodes=1)
    peers = (*LIBRARIES, "deepspeed")
    found = [at_least(f"arena all_reduce, {span}: {wanted}x the best library", reduced, "arena", LIBRARIES, low, high, wanted)
             for span, low, high, wanted in (("every size", 0, EVERYTHING, 1.0), ("16 KiB - 4 MiB", 16 * KIB, 4 * MIB, 5.0),
                                             ("8 - 32 MiB", 8 * MIB, 32 * MIB, 1.7),
                                             ("from 64 MiB", 64 * MIB, EVERYTHING, 2.5))]
    found += [within(f"arena {op}, 1 - 64 MiB: within {allowed}x of the roof", medians(rows, op=op, ranks=2, nodes=1), "roof",
                     MIB, 64 * MIB, allowed)
              for op, allowed in (("all_reduce", 1.25), ("reduce_scatter", 1.3), ("all_gather", 1.3))]
    return found + [
        at_least("foreign all_reduce, every size: no slower than the best peer", reduced, "foreign", peers, 0, EVERYTHING, 1.0),
        at_least("foreign all_reduce, from 16 MiB: 1.5x the best peer", reduced, "foreign", peers, 16 * MIB, EVERYTHING, 1.5)]


def eight_rank_targets(rows):
    reduced = medians(rows, op="all_reduce", ranks=8, nodes=1)
    return [at_least(f"{buffer} all_reduce, 8 ranks, every size: no slower than the best peer", reduced, buffer,
                     (*LIBRARIES, "deepspeed"), 0, EVERYTHING, 1.0) for buffer in ("arena", "foreign")]


def node_targets(rows):
    """4 nodes with 2 ranks each, against Open MPI's default."""
    found = []
    for gbit_s in (1.0, 10.0):
        reduced = medians(rows, op="all_reduce", ranks=8, nodes=4, gbit_s=gbit_s)
        found += [at_least(f"4 nodes of 2 ranks, {gbit_s:g} Gbit/s, {span}: {wanted}x Open MPI's default", reduced, "arena",
                           ("openmpi4",), low, high, wanted)
                  for span, low, high, wanted in (("64 KiB - 1 MiB", 64 * KIB, MIB, 1.3),
                                                  ("above 1 MiB", MIB + 1, EVERYTHING, 1.0))]
        found.append(within(f"4 nodes of 2 ranks, {gbit_s:g} Gbit/s, 64 MiB: within 1.15x of the wire limit", reduced, "wire",
                            64 * MIB, 64 * MIB, 1.15))
    return [*found[:-1], limit_at_10_gbit(rows, found[-1])]


def limit_at_10_gbit(rows, against_wire):
    """No target but an answer: whether wire or CPU is the limit at 10 Gbit/s. The CPU is, when links without a limit give
    nearly the same time."""
    key = ("trireme", "arena")
    at_10, free = (medians(rows, op="all_reduce", ranks=8, nodes=4, gbit_s=rate).get(64 * MIB, {}) for rate in (10.0, None))
    if key not in at_10 or key not in free:
        return {**against_wire, "target": "4 nodes of 2 ranks, 10 Gbit/s, 64 MiB: wire or CPU", "met": None,
                "detail": "not measured in this run"}
    ratio = at_10[key] / at_10["wire", "foreign"]
    share = free[key] / at_10[key]
    limit = "the wire" if ratio <= 1.15 else "the CPU" if share > 0.85 else "the CPU in part"
    return target("4 nodes of 2 ranks, 10 Gbit/s, 64 MiB: wire or CPU", True,
                  f"{limit}: {ratio:.2f}x the wire's time; links without limit take {share:.2f} of it")


def memory_targets(footprints):
    """`footprints`: {"ranks", "bytes", "extra_bytes"}, bytes of each rank's buffers, extra over all ranks."""
    text = "arena overhead below 5 % beyond the buffers"
    if not footprints:
        return [target(text, None, "not measured in this run")]
    shares = [(found["extra_bytes"] / (found["ranks"] * found["bytes"]), found) for found in footprints]
    share, worst = max(shares, key=lambda pair: pair[0])
    return [target(text, share < 0.05, f"{share * 100:.1f} % at {worst['ranks']} ranks with {show_size(worst['bytes'])} each")]


def judge(rows, footprints):
    """Every target: {"target", "met": True, False or None (not measured), "detail"}."""
    return two_rank_targets(rows) + eight_rank_targets(rows) + node_targets(rows) + memory_targets(footprints)


def print_targets(targets):
    judged = [t for t in targets if t["met"] is not None]
    print(f"\nTargets ({len(targets) - len(judged)} of {len(targets)} not measured in this run)")
    for t in judged:
        print(f"  {'met' if t['met'] else 'NOT met':<8} {t['target']}: {t['detail']}")
