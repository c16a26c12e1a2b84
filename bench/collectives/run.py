#!/usr/bin/env python3
"""Every collective operation, 8 B to 256 MiB, against other libraries and the machine's memory, in one interleaved run.

    scripts/bench collectives --quick                                                # 3 minutes
    scripts/bench collectives --minutes 60 --json bench/results/collectives.json     # with pictures
    scripts/bench collectives --no-setup --ranks 2 --ops all_reduce --sizes 8,1M,64M --systems trireme,openmpi4,roof

bench/collectives/README.md says what is measured and how to read it.
"""
import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from driver.group import GroupError  # noqa: E402
from driver.machine import describe_machine  # noqa: E402
from driver.operations import OPERATIONS, parse_size  # noqa: E402
from driver.peers import Missing  # noqa: E402
from driver.picture import draw  # noqa: E402
from driver.sweep import Plan  # noqa: E402
from driver.systems import KINDS  # noqa: E402
from driver.table import print_tables  # noqa: E402
from driver.targets import judge, print_targets  # noqa: E402
from driver.worlds import measure_footprints, measure_nodes, measure_world  # noqa: E402

QUICK_MINUTES = 2.6  # of the 3 that --quick may take; the rest is for starting and ending
# By when, in shares of --minutes, the rows of 2 ranks, 8 ranks, nodes and other ranks are to be there.
SHARES = {2: 0.5, 8: 0.7, "nodes": 0.95}


def list_of(parse, known=None):
    """An argument like a,b,c, each word read by `parse`."""
    def parse_words(text):
        words = [word.strip() for word in text.split(",")]
        unknown = [word for word in words if known and word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no '{unknown[0]}'; there are: {', '.join(known)}")
        try:
            return [parse(word) for word in words]
        except (ValueError, KeyError) as error:
            raise argparse.ArgumentTypeError(f"'{text}': {error}") from None
    return parse_words


def number_of_ranks(word):
    if not 0 <= int(word) <= 64:
        raise ValueError("ranks are 1 to 64, for example 2,8")
    return int(word)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench collectives", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--build", default="build/ci", help=argparse.SUPPRESS)
    add("--no-setup", action="store_true", help="install and build nothing: what is missing is left out")
    add("--quick", action="store_true", help="fewer sizes and rounds: 3 minutes")
    add("--json", type=pathlib.Path, metavar="FILE", help="write the rows to FILE, pictures beside it")
    add("--minutes", type=float, help="leave out what does not fit into them; the targets' rows come first")
    add("--systems", type=list_of(str, KINDS), help="default: all; of " + ", ".join(KINDS))
    add("--ops", type=list_of(str, OPERATIONS), help="default: all; of " + ", ".join(OPERATIONS))
    add("--sizes", type=list_of(parse_size), help="like 8,64K,16M")
    add("--ranks", type=list_of(number_of_ranks), help="on one node; 0: none (default: 2,8,4,3,6,1; with --quick 2,8)")
    add("--buffers", type=list_of(str, ("arena", "foreign")), default=["arena", "foreign"],
        help="Trireme's kinds of memory (default: arena,foreign)")
    add("--backend", default="shm", help="Trireme's on one node: auto, shm, tcp, mpi (default: shm)")
    add("--nodes", type=int, help="network namespaces with a link each; 0: none (default: 4 without --ranks)")
    add("--per-node", type=list_of(number_of_ranks), metavar="RANKS", help="on each of them (default: 2,1; with --quick 2)")
    add("--rates", type=list_of(float), help="Gbit/s of their links; 0: not limited (default: 1,10,0; with --quick 1,10)")
    add("--node-backend", default="hierarchical", help="Trireme's on nodes: auto, hierarchical, tcp, mpi (default: hierarchical)")
    add("--mpirun", action="store_true", help="start Trireme's ranks on nodes by mpirun, so that MPI joins the nodes")
    add("--gpus", type=int, metavar="N", help="NCCL on 1 to N GPUs of this machine, and nothing else")
    add("--rounds", type=int, help="turns of each system at each size (default: 5; with --quick 2)")
    add("--seconds", type=float, help="of a system's turn (default: 0.15; with --quick 0.05)")
    return complete(parser.parse_args())


def complete(options):
    """Fills in what the command line leaves open."""
    rounds, seconds, samples, patience = (2, 0.05, 3, 1.0) if options.quick else (5, 0.15, 4, 5.0)
    options.minutes = options.minutes or (QUICK_MINUTES if options.quick else float("inf"))
    options.plan = Plan(options.rounds or rounds, options.seconds or seconds, samples, patience=patience)
    if options.nodes is None:
        options.nodes = 0 if options.ranks is not None else 4
    if options.ranks is None:
        options.ranks = [2, 8] if options.quick else [2, 8, 4, 3, 6, 1]
    options.ranks = [count for count in options.ranks if count > 0]
    options.per_node = options.per_node or ([2] if options.quick else [2, 1])
    options.rates = [rate or None for rate in options.rates or ([1.0, 10.0] if options.quick else [1.0, 10.0, 0.0])]
    if options.gpus:
        options.backend, options.systems, options.nodes = "nccl", ["trireme"], 0
        options.ranks = [count for count in (1, 2, 4, 8, 16) if count <= options.gpus]
    return options


def ready_systems(options):
    """{name: System} of those that can run here; prints why another one cannot. One asked for by name must run."""
    systems = {}
    for name in options.systems or KINDS:
        system = KINDS[name](name, options)
        system.buffers = tuple(buffer for buffer in system.buffers if buffer in options.buffers or name != "trireme")
        try:
            system.set_up()
            systems[name] = system
        except Missing as reason:
            if options.systems:
                sys.exit(f"bench collectives: {name}: {reason}")
            print(f"left out: {name}: {reason}", file=sys.stderr)
    return systems


def measure_all(options, systems, folder, rows):
    """Adds all rows: first those that targets are about, in case time runs out."""
    start = time.monotonic()
    first = [count for count in options.ranks if count in (2, 8)]
    others = [count for count in options.ranks if count not in (2, 8)]
    nodes = ["nodes"] if options.nodes and "trireme" in systems else []
    for place in [*first, *nodes, *others]:
        share = SHARES.get(place, 1.0) if nodes or others else 1.0
        options.plan.deadline = start + 60 * options.minutes * share
        if time.monotonic() > options.plan.deadline:
            print(f"left out for lack of time: {place}{'' if place == 'nodes' else ' ranks'}", file=sys.stderr)
        elif place == "nodes":
            measure_nodes(options, systems, folder, rows)
        else:
            measure_world(options, systems, place, folder, rows)


def write_results(options, report):
    options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for picture in draw(report["rows"], options.json):
        print(f"picture: {picture}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ranks and namespaces are removed on the way out
    options = parse_arguments()
    words = [word for word in sys.argv[1:] if word not in ("--build", options.build)]
    systems = ready_systems(options)
    report = {"command": " ".join(["scripts/bench", "collectives", *words]), "machine": describe_machine(), "targets": [],
              "footprints": [], "rows": []}
    failure = None
    shared_memory = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="trireme-bench-", dir=shared_memory) as folder:
        try:
            report["footprints"] = measure_footprints(options, systems)
            measure_all(options, systems, pathlib.Path(folder), report["rows"])
        except (GroupError, Missing) as error:
            failure = error  # what was measured before it is still shown
    print_tables(report["rows"])
    report["targets"] = judge(report["rows"], report["footprints"])
    if not options.gpus:
        print_targets(report["targets"])
    if options.json and report["rows"]:
        write_results(options, report)
    if failure:
        sys.exit(f"bench collectives: {failure}")
    if any(r["wrong"] for r in report["rows"]):
        sys.exit("bench collectives: wrong elements, see the last column")


if __name__ == "__main__":
    main()
