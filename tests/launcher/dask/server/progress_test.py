"""Progress bars, and tasks that are run again where the client is. Usage: progress_test.py SCHEDULER"""

import asyncio
import contextlib
import io
import os
import unittest

import dask
from distributed import Event, progress, wait
from distributed.core import clean_exception, connect
from distributed.diagnostics.progressbar import MultiProgressBar, ProgressBar
from distributed.protocol.pickle import dumps

from cluster import PROGRAM, OneCluster, until


def increment(x):
    return x + 1


def divide(a, b):
    return a / b


def after(event, x):
    assert Event(event).wait(timeout=30)
    return x


class Recorded:
    """What a bar is told, message by message."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, interval="20ms", **options)
        self.told = []

    def _draw_bar(self, **response):
        self.told.append(response)

    def left(self):
        return self.told[-1]["remaining"] if self.told else None


class Bar(Recorded, ProgressBar):
    pass


class Bars(Recorded, MultiProgressBar):
    pass


class ProgressBars(OneCluster):
    def begin(self, bar):
        return asyncio.run_coroutine_threadsafe(bar.listen(), self.client.loop.asyncio_loop)

    def end_of(self, bar):
        self.begin(bar).result(timeout=30)
        return bar.told[-1]

    def open(self, gate):
        Event(gate, client=self.client).set()

    def test_of_text(self):
        futures = self.client.map(increment, range(100), pure=False)
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            progress(futures, notebook=False)
        self.assertIn("100% Completed", shown.getvalue())
        self.assertEqual(self.client.gather(futures), list(range(1, 101)))

    def test_shows_each_step_and_ends_with_the_last(self):
        gated = [self.client.submit(after, gate, 1, pure=False) for gate in ("gate-1", "gate-2")]
        total = self.client.submit(sum, gated, pure=False)
        bar = Bar([total])
        listening = self.begin(bar)
        for left, gate in [(3, "gate-1"), (2, "gate-2")]:
            until(lambda left=left: bar.left() == left)
            self.open(gate)
        listening.result(timeout=30)
        self.assertEqual({response["all"] for response in bar.told}, {3})
        self.assertEqual(bar.told[-1], {"all": 3, "remaining": 0, "status": "finished"})
        self.assertEqual({response["status"] for response in bar.told[:-1]}, {None})

    def test_what_was_done_before_counts_where_it_is_asked_for(self):
        first = self.client.submit(increment, 1, pure=False)
        second = self.client.submit(increment, first)
        wait(second, timeout=20)
        self.assertEqual(self.end_of(Bar([second], complete=True)), {"all": 2, "remaining": 0, "status": "finished"})
        self.assertEqual(self.end_of(Bar([second])), {"all": 2, "remaining": 0, "status": "finished"})  # the default
        self.assertEqual(self.end_of(Bar([second], complete=False)), {"all": 1, "remaining": 0, "status": "finished"})

    def test_by_kind_of_task(self):
        gated = self.client.submit(after, "gate-3", 1, pure=False)
        futures = [*self.client.map(increment, [gated] * 3, pure=False), self.client.submit(divide, 1, 1)]
        bars = Bars(futures, complete=True)
        listening = self.begin(bars)
        until(lambda: bars.left() == {"after": 1, "increment": 3, "divide": 0})
        self.open("gate-3")
        listening.result(timeout=30)
        self.assertEqual(bars.told[-1], {"all": {"after": 1, "increment": 3, "divide": 1},
                                         "remaining": {"after": 0, "increment": 0, "divide": 0}, "status": "finished"})

    def test_may_come_before_the_tasks(self):
        bar = Bar(["early-bird"])
        listening = self.begin(bar)
        future = self.client.submit(increment, 1, key="early-bird")
        listening.result(timeout=30)
        self.assertEqual((bar.told[-1]["all"], bar.told[-1]["status"]), (1, "finished"))
        self.assertEqual(future.result(timeout=20), 2)

    def test_of_an_error_says_which(self):
        future = self.client.submit(str, self.client.submit(divide, 1, 0, key="bad-1"))
        wait(future, timeout=20)
        told = self.end_of(Bar([future]))
        self.assertEqual(told["status"], "error")
        self.assertIn(told["key"], ["bad-1", future.key])
        self.assertIsInstance(clean_exception(told["exception"])[1], ZeroDivisionError)

    def test_of_an_error_later_on(self):
        future = self.client.submit(divide, 1, self.client.submit(after, "gate-4", 0, pure=False), pure=False)
        bar = Bar([future])
        listening = self.begin(bar)
        until(lambda: bar.left() == 2)
        self.open("gate-4")
        listening.result(timeout=30)
        self.assertEqual(bar.told[-1]["status"], "error")

    def test_ends_when_its_tasks_are_cancelled(self):
        future = self.client.submit(after, "gate-5", 1, pure=False)
        bar = Bar([future])
        listening = self.begin(bar)
        until(lambda: bar.left() == 1)
        future.cancel()
        listening.result(timeout=30)
        self.assertEqual(bar.told[-1]["status"], "error")
        self.open("gate-5")

    def test_that_is_closed_early_disturbs_nobody(self):
        future = self.client.submit(after, "gate-6", 1, pure=False)
        bar = Bar([future])
        listening = self.begin(bar)
        until(lambda: bar.left() == 1)
        bar.comm.abort()
        until(listening.done)
        self.open("gate-6")
        self.assertEqual(future.result(timeout=20), 1)

    @unittest.skipIf(PROGRAM == "real", "it runs any function")
    def test_other_functions_that_are_to_be_fed_are_refused(self):
        async def feed():
            comm = await connect(self.scheduler.address)
            await comm.write({"op": "feed", "setup": None, "function": dumps(len), "interval": 1})
            reply = await comm.read()
            await comm.close()
            return reply

        reply = self.client.sync(feed)
        self.assertEqual(reply["status"], "uncaught-error")
        self.assertIn("progress() works", reply["exception_text"])


class Replays(OneCluster):
    def test_a_task_runs_again_in_the_client(self):
        pid = self.client.submit(os.getpid, pure=False)
        self.assertNotEqual(pid.result(timeout=20), os.getpid())
        self.assertEqual(self.client.recreate_task_locally(pid), os.getpid())

    @unittest.skipIf(PROGRAM == "real", "it cannot open the empty graph that is sent for them")
    def test_with_the_results_it_needs(self):
        last = self.client.submit(divide, self.client.submit(increment, 5), 2)
        self.assertEqual(self.client.recreate_task_locally(last), 3)

    def test_an_error_is_that_of_the_task_that_failed(self):
        first = self.client.submit(divide, 1, 0, key="first-to-fail")
        last = self.client.submit(str, self.client.submit(increment, first))
        wait(last, timeout=20)
        self.assertEqual(self.client.sync(self.client._get_errored_future, last), "first-to-fail")
        with self.assertRaises(ZeroDivisionError):
            self.client.recreate_error_locally(last)

    @unittest.skipIf(PROGRAM == "real", "it cannot open the empty graph that is sent for them")
    def test_errors_in_collections(self):
        collection = dask.delayed(divide)(dask.delayed(increment)(0), 0).persist()
        wait(collection, timeout=20)
        with self.assertRaises(ZeroDivisionError):
            self.client.recreate_error_locally(collection)


if __name__ == "__main__":
    unittest.main(verbosity=2)
