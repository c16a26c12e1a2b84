"""Starts a world's groups, measures all that is asked of it, and ends them."""
import concurrent.futures
import functools
import sys

from .group import GroupError
from .nodes import Nodes, need_nodes, wire_row
from .operations import OPERATIONS, cores, parse_size
from .peers import Missing
from .sweep import sweep

# Sizes where --sizes does not say: of all_reduce, and of the other operations.
QUICK = ("8,4K,64K,1M,4M,16M,64M", "4K,4M")
QUICK_OVERSUBSCRIBED = ("8,64K,1M,16M", "")
TWO_RANKS = (",".join(str(8 << power) for power in range(26)), "8,512,4K,32K,256K,1M,4M,16M,64M,256M")
EIGHT_RANKS = (",".join(str(8 << power) for power in range(0, 26, 2)) + ",256M", "8,4K,64K,1M,4M,16M,64M,256M")
OTHER_RANKS = ("8,4K,64K,256K,1M,4M,16M,64M", "4K,1M,16M")
NODES_QUICK, NODES_FULL = "64K,1M,4M", "8,4K,64K,128K,256K,512K,1M,4M,16M,64M"
FOOTPRINT_BYTES = 64 << 20  # of a rank's buffers


def sizes(text):
    """'8,64K' -> [8, 65536]; '' -> []."""
    return [parse_size(word) for word in text.split(",") if word]


def sizes_of(operation, ranks, options):
    if operation == "barrier":
        return [0]
    if options.sizes:
        return options.sizes
    if options.quick:
        tables = QUICK if ranks <= len(cores()) else QUICK_OVERSUBSCRIBED
    else:
        tables = {2: TWO_RANKS, 8: EIGHT_RANKS}.get(ranks, OTHER_RANKS)
    return sizes(tables[0 if operation == "all_reduce" else 1])


class Groups(dict):
    """{name: Group} of one world, started side by side. A context manager that ends them all.

    Trireme's must come. A peer that does not is left out with its reason, unless the user named it.
    """

    def __init__(self, starts, options):
        super().__init__()
        self.starts, self.options = starts, options

    def __enter__(self):
        with concurrent.futures.ThreadPoolExecutor(len(self.starts)) as pool:
            started = {name: pool.submit(start) for name, start in self.starts.items()}
        failures = {}
        for name, future in started.items():
            if future.exception() is None:
                self[name] = future.result()
            else:
                failures[name] = future.exception()
        for name, failure in failures.items():
            if name == "trireme" or self.options.systems or not isinstance(failure, GroupError):
                self.close()
                raise failure
            print(f"left out: {failure}", file=sys.stderr)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for group in self.values():
            group.close()
        self.clear()


def measure_world(options, systems, ranks, folder, rows):
    """Adds the rows of one number of ranks on one node."""
    starts = {name: functools.partial(system.start, ranks, folder / f"{name}-{ranks}") for name, system in systems.items()}
    with Groups(starts, options) as groups:
        for operation in options.ops or OPERATIONS:
            if ranks == 1 and operation == "send_receive":
                continue  # to oneself
            sweep(groups, systems, operation, sizes_of(operation, ranks, options), ranks, options.plan, {"nodes": 1}, rows)


def measure_nodes(options, systems, folder, rows):
    """Adds the rows of all_reduce, or of --ops, between nodes: Trireme and Open MPI's default, at every rate."""
    try:
        need_nodes()
    except Missing as reason:
        print(f"left out: nodes: {reason}", file=sys.stderr)
        return
    systems = {name: system for name, system in systems.items() if name in ("trireme", "openmpi4")}
    wanted = options.sizes or sizes(NODES_QUICK if options.quick else NODES_FULL)
    with Nodes(options.nodes, folder / "nodes") as nodes:
        for per_node in options.per_node:
            ranks = nodes.count * per_node
            starts = {name: functools.partial(system.start_on_nodes, nodes, per_node, folder / f"{name}-x{per_node}")
                      for name, system in systems.items()}
            with Groups(starts, options) as groups:
                for rate in options.rates:
                    nodes.shape(rate)
                    place = nodes.place(rate)
                    for operation in options.ops or ["all_reduce"]:
                        found = sweep(groups, systems, operation, wanted, ranks, options.plan, place, rows)
                        if operation == "all_reduce" and rate is not None:
                            rows += [wire_row(operation, size, ranks, place)
                                     for size in dict.fromkeys(r["bytes"] for r in found)]


def measure_footprints(options, systems):
    """What the arena costs beyond the buffers, at the numbers of ranks that are measured anyway."""
    if options.backend != "shm" or "trireme" not in systems or "arena" not in systems["trireme"].buffers:
        return []
    return [systems["trireme"].footprint(ranks, FOOTPRINT_BYTES) for ranks in options.ranks if ranks > 1]
