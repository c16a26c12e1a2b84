#!/usr/bin/env python3
"""Every collective operation, 8 B to 256 MiB, against other libraries and the machine's memory, in one interleaved run.

    scripts/bench collectives --quick                                   # 3 minutes
    scripts/bench collectives --json bench/results/collectives.json     # everything, with pictures
    scripts/bench collectives --no-setup --ranks 2 --ops all_reduce --sizes 8,1M,64M --systems trireme,openmpi4,roof

bench/collectives/README.md says what is measured and how to read it.
"""
import argparse
import concurrent.futures
import functools
import json
import pathlib
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from driver.group import GroupError  # noqa: E402
from driver.machine import describe_machine  # noqa: E402
from driver.nodes import Nodes, need_nodes, wire_row  # noqa: E402
from driver.operations import OPERATIONS, cores, parse_size  # noqa: E402
from driver.peers import Missing  # noqa: E402
from driver.picture import draw  # noqa: E402
from driver.sweep import Plan, sweep  # noqa: E402
from driver.systems import KINDS  # noqa: E402
from driver.table import print_tables  # noqa: E402
from driver.targets import judge, print_targets  # noqa: E402

# Sizes by ranks where --sizes does not say; of all_reduce and of the other operations.
QUICK_SIZES = {"all_reduce": "8,4K,64K,1M,4M,16M,64M", "others": "4K,4M"}
QUICK_SIZES_OVERSUBSCRIBED = {"all_reduce": "8,64K,1M,16M", "others": ""}
# Between 2 and 8 ranks, of which there are targets.
FULL_SIZES_BETWEEN = {"all_reduce": "8,512,4K,64K,256K,1M,4M,16M,64M", "others": "4K,1M,16M"}
FULL_SIZES = {"all_reduce": ",".join(str(8 << power) for power in range(26)),
              "others": "8,512,4K,32K,256K,1M,4M,16M,64M,256M"}
NODES_QUICK_SIZES = "64K,1M,4M"
NODES_FULL_SIZES = "8,4K,64K,128K,256K,512K,1M,4M,16M,64M"
FOOTPRINT_BYTES = 64 << 20  # of a rank's buffers
QUICK_SECONDS = 165  # of the 180 that --quick may take; the rest is for starting and ending


def names(known):
    def parse(text):
        chosen = [word.strip() for word in text.split(",")]
        unknown = [word for word in chosen if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no '{unknown[0]}'; there are: {', '.join(known)}")
        return chosen
    return parse


def sizes(text):
    try:
        return [parse_size(word) for word in text.split(",")]
    except (ValueError, KeyError) as error:
        raise argparse.ArgumentTypeError(f"sizes are like 8,64K,16M: {error}") from None


def ranks(text):
    chosen = [int(word) for word in text.split(",") if int(word)]
    if not all(1 <= number <= 64 for number in chosen):
        raise argparse.ArgumentTypeError("ranks are 1 to 64, for example 2,8")
    return chosen


def rates(text):
    return [float(word) or None for word in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench collectives", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/ci", help=argparse.SUPPRESS)
    parser.add_argument("--no-setup", action="store_true", help="install and build nothing: what is missing is left out")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, rounds and systems: 3 minutes")
    parser.add_argument("--json", type=pathlib.Path, help="write the rows to FILE, pictures beside it")
    parser.add_argument("--systems", type=names(KINDS), help="default: all; of " + ", ".join(KINDS))
    parser.add_argument("--ops", type=names(OPERATIONS), help="default: all; of " + ", ".join(OPERATIONS))
    parser.add_argument("--sizes", type=sizes, help="like 8,64K,16M")
    parser.add_argument("--ranks", type=ranks, help="on one node; 0: none (default: 1,2,3,4,6,8; with --quick 2,8)")
    parser.add_argument("--buffers", type=names(("arena", "foreign")), default=["arena", "foreign"],
                        help="Trireme's kinds of memory (default: arena,foreign)")
    parser.add_argument("--backend", default="shm", help="Trireme's backend: shm, tcp, mpi (default: shm)")
    parser.add_argument("--nodes", type=int, help="network namespaces with a link each; 0: none (default: 4 without --ranks)")
    parser.add_argument("--per-node", type=ranks, help="ranks on each of them (default: 1,2; with --quick 2)")
    parser.add_argument("--rates", type=rates, help="Gbit/s of their links; 0: not limited (default: 1,10,0; with --quick 1,10)")
    parser.add_argument("--node-backend", default="mpi", help="Trireme's backend on nodes: mpi or tcp (default: mpi)")
    parser.add_argument("--gpus", type=int, metavar="N", help="NCCL on 1 to N GPUs of this machine, and nothing else")
    parser.add_argument("--rounds", type=int, help="turns of each system at each size")
    parser.add_argument("--seconds", type=float, help="of a system's turn")
    options = parser.parse_args()
    rounds, seconds, samples = (2, 0.05, 3) if options.quick else (5, 0.2, 5)
    options.plan = Plan(options.rounds or rounds, options.seconds or seconds, samples)
    if options.nodes is None:
        options.nodes = 0 if options.ranks is not None else 4
    if options.ranks is None:
        options.ranks = [2, 8] if options.quick else [1, 2, 3, 4, 6, 8]
    if options.gpus:
        options.backend, options.systems, options.nodes = "nccl", ["trireme"], 0
        options.ranks = [count for count in (1, 2, 4, 8, 16) if count <= options.gpus]
    options.per_node = options.per_node or ([2] if options.quick else [1, 2])
    options.rates = options.rates or ([1.0, 10.0] if options.quick else [1.0, 10.0, None])
    if options.quick:
        options.plan.deadline, options.plan.patience = time.monotonic() + QUICK_SECONDS, 1.0
    return options


def ready_systems(options):
    """{name: System} of those that can run here; prints why another one cannot. One asked for by name must run."""
    systems = {}
    for name in options.systems or KINDS:
        system = KINDS[name](name, options)
        system.buffers = tuple(buffer for buffer in system.buffers if buffer in options.buffers)
        try:
            system.set_up()
            systems[name] = system
        except Missing as reason:
            if options.systems:
                sys.exit(f"bench collectives: {name}: {reason}")
            print(f"left out: {name}: {reason}", file=sys.stderr)
    return systems


def sizes_of(operation, count, options):
    if operation == "barrier":
        return [0]
    if options.sizes:
        return options.sizes
    table = FULL_SIZES if count in (2, 8) else FULL_SIZES_BETWEEN
    if options.quick:
        table = QUICK_SIZES if count <= len(cores()) else QUICK_SIZES_OVERSUBSCRIBED
    text = table["all_reduce" if operation == "all_reduce" else "others"]
    return sizes(text) if text else []


def start_groups(starts, groups):
    """Fills {name: Group} from {name: function that starts it}, side by side."""
    with concurrent.futures.ThreadPoolExecutor(len(starts)) as pool:
        started = {name: pool.submit(start) for name, start in starts.items()}
    for name, future in started.items():
        if future.exception() is None:
            groups[name] = future.result()
    for future in started.values():
        future.result()


def measure_world(options, systems, count, folder):
    """All rows of one number of ranks on one node."""
    groups, rows = {}, []
    try:
        start_groups({name: functools.partial(system.start, count, folder / f"{name}-{count}")
                      for name, system in systems.items()}, groups)
        for operation in options.ops or OPERATIONS:
            if count == 1 and operation == "send_receive":
                continue  # to oneself
            rows += sweep(groups, systems, operation, sizes_of(operation, count, options), count, options.plan, {"nodes": 1})
    finally:
        for group in groups.values():
            group.close()
    return rows


def measure_nodes(options, systems, folder):
    """Rows of all_reduce, or of --ops, between nodes: Trireme and Open MPI's default, at every rate."""
    systems = {name: system for name, system in systems.items() if name in ("trireme", "openmpi4")}
    try:
        need_nodes()
    except Missing as reason:
        print(f"left out: nodes: {reason}", file=sys.stderr)
        return []
    sizes_here = options.sizes or sizes(NODES_QUICK_SIZES if options.quick else NODES_FULL_SIZES)
    rows = []
    with Nodes(options.nodes, folder / "nodes") as nodes:
        for per_node in options.per_node:
            groups = {}
            try:
                start_groups({name: functools.partial(system.start_on_nodes, nodes, per_node, folder / f"{name}-x{per_node}")
                              for name, system in systems.items()}, groups)
                for rate in options.rates:
                    nodes.shape(rate)
                    for operation in options.ops or ["all_reduce"]:
                        rows += node_rows(groups, systems, operation, sizes_here, nodes, per_node, options, rate)
            finally:
                for group in groups.values():
                    group.close()
    return rows


def node_rows(groups, systems, operation, sizes_here, nodes, per_node, options, rate):
    place, count = nodes.place(rate), nodes.count * per_node
    rows = sweep(groups, systems, operation, sizes_here, count, options.plan, place)
    if operation == "all_reduce" and rate is not None:
        rows += [wire_row(operation, size, count, place) for size in dict.fromkeys(r["bytes"] for r in rows)]
    return rows


def measure_footprints(options, systems):
    """What the arena costs beyond the buffers: of the ranks that are measured anyway."""
    if options.backend != "shm" or "trireme" not in systems or "arena" not in systems["trireme"].buffers:
        return []
    return [systems["trireme"].footprint(count, FOOTPRINT_BYTES) for count in options.ranks if count > 1]


def write_results(options, machine, rows, footprints, targets):
    words = [word for word in sys.argv[1:] if word != "--build" and word != options.build]
    report = {"command": " ".join(["scripts/bench", "collectives", *words]), "machine": machine, "targets": targets,
              "footprints": footprints, "rows": rows}
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for picture in draw(rows, options.json):
        print(f"picture: {picture}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ranks and namespaces are removed on the way out
    options = parse_arguments()
    systems, machine, rows = ready_systems(options), describe_machine(), []
    shared_memory = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
    try:
        with tempfile.TemporaryDirectory(prefix="trireme-bench-", dir=shared_memory) as folder:
            for count in options.ranks:
                rows += measure_world(options, systems, count, pathlib.Path(folder))
            footprints = measure_footprints(options, systems)
            if options.nodes and any(name in systems for name in ("trireme", "openmpi4")):
                rows += measure_nodes(options, systems, pathlib.Path(folder))
    except (GroupError, Missing) as error:
        sys.exit(f"bench collectives: {error}")
    print_tables(rows)
    targets = judge(rows, footprints)
    if not options.gpus:
        print_targets(targets)
    if options.json:
        write_results(options, machine, rows, footprints, targets)
    if any(r["wrong"] for r in rows):
        sys.exit("bench collectives: wrong elements, see the last column")


if __name__ == "__main__":
    main()
