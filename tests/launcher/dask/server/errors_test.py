"""Failures as a client sees them. Usage: errors_test.py SCHEDULER"""

import os
import socket
import struct
import traceback
import unittest

import msgpack
from distributed import KilledWorker, SchedulerPlugin, performance_report, wait
from distributed.client import FutureCancelledError

from cluster import PROGRAM, OneCluster, until


class CustomError(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


def divide(a, b):
    return a / b


def raises_custom():
    raise CustomError("one", 2)


class Unloadable:
    def __reduce__(self):
        return explode, ()


def explode():
    raise ValueError("cannot be unpickled here")


def words(*values):
    return struct.pack(f"<{len(values)}Q", *values)


class Errors(OneCluster):
    def test_a_message_beyond_the_limit_is_refused_and_logged(self):
        message = msgpack.packb({"compression": None, "python": (3, 11, 0), "pickle-protocol": 5})
        handshake = words(16 + len(message), 1, len(message)) + message
        payload = 17 << 30
        with socket.create_connection(("127.0.0.1", self.scheduler.port)) as peer:
            port = peer.getsockname()[1]
            peer.sendall(handshake + words(24 + 10, 2, 10, payload))  # the payload is outside of the block
            while peer.recv(4096):
                pass
        if PROGRAM == "real":
            return
        log = until(lambda: next((line for line in self.scheduler.log_text().splitlines()
                                  if "event=dask_message_too_large" in line), None))
        self.assertIn(f"peer=tcp://127.0.0.1:{port} ", log)
        self.assertIn(f"{payload}, the limit {16 << 30}", log)
        self.assertEqual(self.client.submit(divide, 4, 2).result(timeout=20), 2)  # nobody else notices

    def test_an_error_with_its_traceback(self):
        future = self.client.submit(divide, 1, 0)
        try:
            future.result(timeout=20)
            self.fail("no error")
        except ZeroDivisionError as error:
            self.assertIn("in divide", "".join(traceback.format_tb(error.__traceback__)))
        self.assertEqual(future.status, "error")
        self.assertIsInstance(future.exception(timeout=20), ZeroDivisionError)
        self.assertIn("divide", "".join(traceback.format_tb(future.traceback(timeout=20))))

    def test_an_error_of_the_users_own_class(self):
        with self.assertRaises(CustomError) as caught:
            self.client.submit(raises_custom).result(timeout=20)
        self.assertEqual(caught.exception.args, ("one", 2))

    def test_dependents_fail_with_the_first_error(self):
        bad = self.client.submit(divide, 2, 0)
        after = self.client.submit(str, bad)
        last = self.client.submit(len, after)
        for future in [bad, after, last]:
            with self.assertRaises(ZeroDivisionError):
                future.result(timeout=20)
        late = self.client.submit(repr, after)  # added to a task that has failed already
        with self.assertRaises(ZeroDivisionError):
            late.result(timeout=20)

    def test_gather_skips_errors(self):
        futures = self.client.map(divide, [1, 2, 3], [1, 0, 1])
        self.assertEqual(self.client.gather(futures, errors="skip"), [1, 3])

    def test_retry(self):
        path = os.path.join(self.workers[0].folder.name, "exists")
        future = self.client.submit(os.path.getsize, path, key="size", workers=["alice"])
        after = self.client.submit(divide, future, 1)
        wait(after, timeout=20)
        self.assertEqual(after.status, "error")
        open(path, "w").close()
        self.client.retry([after])
        self.assertEqual(after.result(timeout=20), 0)

    def test_a_graph_that_cannot_be_opened(self):
        with self.assertRaises(Exception) as caught:
            self.client.submit(len, [Unloadable()]).result(timeout=30)
        self.assertIn("cannot be unpickled", f"{caught.exception} {caught.exception.__cause__}")
        self.assertEqual(self.client.submit(divide, 4, 2).result(timeout=20), 2)

    def test_a_result_that_cannot_be_pickled_fails_the_gather(self):
        import threading
        with self.assertRaises(Exception):
            self.client.submit(threading.Lock, pure=False).result(timeout=20)
        self.assertEqual(self.client.submit(divide, 4, 2).result(timeout=20), 2)

    def test_lost_dependencies(self):
        future = self.client.submit(divide, 1, 3, pure=False)
        wait(future, timeout=20)
        future.cancel()
        after = self.client.submit(str, future)
        with self.assertRaises(FutureCancelledError):
            after.result(timeout=20)

    @unittest.skipIf(PROGRAM == "real", "the real one can be stopped and carries plugins")
    def test_what_is_refused_says_why(self):
        class Plugin(SchedulerPlugin):
            pass

        with self.assertRaisesRegex(RuntimeError, "Plugin was refused: this scheduler is no Python process"):
            self.client.register_plugin(Plugin())
        with self.assertRaisesRegex(RuntimeError, "task stream"):
            self.client.get_task_stream()
        with self.assertRaisesRegex(AttributeError, "performance_report needs a scheduler in Python"):
            with performance_report(os.devnull):
                pass
        with self.assertRaisesRegex(RuntimeError, "no active memory manager"):
            self.client.amm.start()
        self.assertFalse(self.client.amm.running())
        self.assertEqual(self.client.submit(divide, 4, 2).result(timeout=20), 2)

    def test_run_on_scheduler(self):
        self.assertEqual(self.client.run_on_scheduler(divide, 6, 2), 3)
        with self.assertRaises(ZeroDivisionError):
            self.client.run_on_scheduler(divide, 6, 0)


class Killed(OneCluster):
    WORKERS = (((), {"nanny": True}), ((), {"nanny": True}))

    def test_a_task_that_kills_its_workers(self):
        future = self.client.submit(os._exit, 1, pure=False)
        with self.assertRaisesRegex(KilledWorker, "_exit"):
            future.result(timeout=120)
        until(lambda: len(self.client.scheduler_info()["workers"]) == 2, timeout=60)
        self.assertEqual(self.client.submit(divide, 4, 2).result(timeout=60), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
