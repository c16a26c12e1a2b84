"""The driver of the collectives benchmark: sizes, rounds, rows, targets, and what it does when ranks fail."""
import pathlib
import sys
import tempfile
import textwrap
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "collectives"))
from driver import operations, sweep, targets  # noqa: E402
from driver.group import Group, GroupError  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20


class Sizes(unittest.TestCase):
    def test_are_read_with_their_units(self):
        self.assertEqual([operations.parse_size(text) for text in ("8", "64K", "1MiB")], [8, 64 * KIB, MIB])
        for text in ("7", "0", "x", "4Q"):
            with self.assertRaises((ValueError, KeyError)):
                operations.parse_size(text)

    def test_of_blockwise_operations_are_cut_into_equal_blocks(self):
        self.assertEqual(operations.fitting_size("all_gather", 8, 8), 32)
        self.assertEqual(operations.fitting_size("all_gather", 1000, 3), 996)
        self.assertEqual(operations.fitting_size("all_reduce", 1000, 3), 1000)
        self.assertEqual(operations.fitting_size("barrier", 1000, 3), 0)

    def test_bus_factors_are_those_of_nccl_tests(self):
        self.assertEqual(operations.bus_factor("all_reduce", 4), 1.5)
        self.assertEqual(operations.bus_factor("reduce_scatter", 4), 0.75)
        self.assertEqual(operations.bus_factor("broadcast", 4), 1.0)


class FakeGroup:
    """Answers with `microseconds(size)` and writes down the order of what it is asked."""

    def __init__(self, name, microseconds, order):
        self.name, self.microseconds, self.order = name, microseconds, order

    def close(self):
        pass

    def measure(self, operation, size, buffer, seconds, samples):
        self.order.append((self.name, buffer, size))
        return {"median_us": self.microseconds(size), "p90_us": 2 * self.microseconds(size), "samples": samples, "wrong": 0,
                "more": {}}


class FakeSystem:
    operations = operations.OPERATIONS

    def __init__(self, *buffers):
        self.buffers = buffers


class Sweep(unittest.TestCase):
    def run_sweep(self, microseconds, sizes, plan):
        order = []
        groups = {name: FakeGroup(name, function, order) for name, function in microseconds.items()}
        systems = {name: FakeSystem(*(("arena", "foreign") if name == "trireme" else ("foreign",))) for name in groups}
        rows = []
        added = sweep.sweep(groups, systems, "all_reduce", sizes, 2, plan, {"nodes": 1}, rows)
        self.assertEqual(rows, added)
        return rows, order

    def test_systems_take_turns_in_every_round(self):
        rows, order = self.run_sweep({"trireme": lambda _: 10.0, "gloo": lambda _: 20.0}, [8], sweep.Plan(2, 0.1, 5))
        self.assertEqual(order, [("trireme", "arena", 8), ("trireme", "foreign", 8), ("gloo", "foreign", 8)] * 2)
        self.assertEqual([(r["system"], r["buffer"], r["median_us"], r["samples"]) for r in rows],
                         [("trireme", "arena", 10.0, 10), ("trireme", "foreign", 10.0, 10), ("gloo", "foreign", 20.0, 10)])

    def test_bandwidths_follow_from_bytes_and_time(self):
        rows, _ = self.run_sweep({"gloo": lambda _: 1000.0}, [4 * MIB], sweep.Plan(1, 0.1, 5))
        self.assertAlmostEqual(rows[0]["algbw_gb_s"], 4.194, places=3)
        self.assertAlmostEqual(rows[0]["busbw_gb_s"], 4.194, places=3)

    def test_what_is_too_slow_is_left_out_of_larger_sizes(self):
        rows, _ = self.run_sweep({"gloo": lambda size: float(size), "mpich5": lambda _: 1.0}, [MIB, 16 * MIB],
                                 sweep.Plan(1, 0.1, 5, patience=5.0))
        self.assertEqual([(r["system"], r["bytes"]) for r in rows],
                         [("gloo", MIB), ("mpich5", MIB), ("mpich5", 16 * MIB)])

    def test_a_peer_that_fails_is_dropped_but_not_trireme(self):
        def fail(_):
            raise GroupError("no luck")
        rows, order = self.run_sweep({"gloo": fail, "mpich5": lambda _: 1.0}, [8, 16], sweep.Plan(2, 0.1, 5))
        self.assertEqual([(r["system"], r["bytes"]) for r in rows], [("mpich5", 8), ("mpich5", 16)])
        self.assertEqual(order.count(("gloo", "foreign", 8)), 1)
        with self.assertRaises(GroupError):
            self.run_sweep({"trireme": fail}, [8], sweep.Plan(1, 0.1, 5))

    def test_nothing_starts_after_the_deadline(self):
        rows, _ = self.run_sweep({"gloo": lambda _: 1.0}, [8], sweep.Plan(1, 0.1, 5, deadline=time.monotonic() - 1))
        self.assertEqual(rows, [])


def row(system, buffer, size, median, **more):
    return {"system": system, "op": "all_reduce", "ranks": 2, "nodes": 1, "buffer": buffer, "bytes": size,
            "median_us": median, **more}


class Targets(unittest.TestCase):
    def judged(self, rows, start, footprints=()):
        return next(t for t in targets.judge(rows, list(footprints)) if t["target"].startswith(start))

    def test_compare_with_the_best_peer_at_the_worst_size(self):
        rows = [row("trireme", "arena", 8, 1.0), row("gloo", "foreign", 8, 9.0), row("openmpi4", "foreign", 8, 2.0),
                row("trireme", "arena", MIB, 10.0), row("openmpi4", "foreign", MIB, 9.0)]
        found = self.judged(rows, "arena all_reduce, every size")
        self.assertIs(found["met"], False)
        self.assertIn("0.90x, at 1 MiB against openmpi4", found["detail"])
        self.assertIs(self.judged(rows[:3], "arena all_reduce, every size")["met"], True)

    def test_judge_only_their_sizes(self):
        rows = [row("trireme", "arena", 16 * KIB, 1.0), row("gloo", "foreign", 16 * KIB, 5.0),
                row("trireme", "arena", 8, 1.0), row("gloo", "foreign", 8, 1.0)]
        self.assertIs(self.judged(rows, "arena all_reduce, 16 KiB - 4 MiB")["met"], True)

    def test_hold_against_the_roof(self):
        rows = [row("trireme", "arena", MIB, 12.6), row("roof", "arena", MIB, 10.0)]
        self.assertIs(self.judged(rows, "arena all_reduce, 1 - 64 MiB")["met"], False)
        rows[0]["median_us"] = 12.4
        self.assertIs(self.judged(rows, "arena all_reduce, 1 - 64 MiB")["met"], True)

    def test_say_what_was_not_measured(self):
        self.assertTrue(all(t["met"] is None for t in targets.judge([], [])))

    def test_tell_wire_from_cpu(self):
        place = {"ranks": 8, "nodes": 4}
        rows = [row("trireme", "arena", 64 * MIB, 100.0, **{**place, "gbit_s": 10.0}),
                row("wire", "foreign", 64 * MIB, 50.0, **{**place, "gbit_s": 10.0}),
                row("trireme", "arena", 64 * MIB, 95.0, **{**place, "gbit_s": None})]
        self.assertIn("the CPU: 2.00x", self.judged(rows, "4 nodes of 2 ranks, 10 Gbit/s, 64 MiB: wire")["detail"])

    def test_count_memory_beyond_the_buffers(self):
        found = [{"ranks": 2, "bytes": 100, "extra_bytes": 8}, {"ranks": 4, "bytes": 100, "extra_bytes": 24}]
        self.assertIs(self.judged([], "arena overhead", found)["met"], False)
        self.assertIs(self.judged([], "arena overhead", found[:1])["met"], True)


RANK = """
import socket, sys
stream = socket.socket(socket.AF_UNIX); stream.connect(sys.argv[1])
lines = stream.makefile("r")
stream.sendall(b"hello " + sys.argv[2].encode() + b"\\n")
print("rank", sys.argv[2], "is here", flush=True)
for line in lines:
    stream.sendall(sys.argv[3].encode() + b"\\n")
    if not sys.argv[3].startswith("result"): sys.exit(1)
"""


class Groups(unittest.TestCase):
    def start(self, folder, answers):
        program = [sys.executable, "-c", textwrap.dedent(RANK)]
        return Group("fake", pathlib.Path(folder) / "fake", len(answers), lambda path, page: [
            ([*program, path, str(rank), answer], {}) for rank, answer in enumerate(answers)])

    def test_take_rank_0s_answer_and_end_the_ranks(self):
        with tempfile.TemporaryDirectory() as folder:
            group = self.start(folder, ["result 1.5 2.5 7 0 kernel=plain", "result 9 9 9 9"])
            self.assertEqual(group.measure("all_reduce", 8, "foreign", 0.1, 5),
                             {"median_us": 1.5, "p90_us": 2.5, "samples": 7, "wrong": 0, "more": {"kernel": "plain"}})
            processes = group.processes
            group.close()
            self.assertEqual([process.returncode for process in processes], [0, 0])

    def test_say_which_rank_failed_and_what_it_printed(self):
        with tempfile.TemporaryDirectory() as folder:
            group = self.start(folder, ["result 1 1 1 0", "error out of luck"])
            with self.assertRaisesRegex(GroupError, r"(?s)rank 1 on 'measure all_reduce 8 .*out of luck.*rank 1 is here"):
                group.measure("all_reduce", 8, "foreign", 0.1, 5)
            group.close()

    def test_say_that_ranks_did_not_come(self):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(GroupError, r"(?s)0 of 1 ranks came.*no such luck"):
                Group("fake", pathlib.Path(folder) / "fake", 1, lambda *_: [
                    ([sys.executable, "-c", "import sys; sys.exit('no such luck')"], {})])


if __name__ == "__main__":
    unittest.main()
