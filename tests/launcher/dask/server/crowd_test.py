"""Peers that are many, silent, slow, or gone in the middle of a message: memory stays bounded, everyone else is served.

Usage: crowd_test.py SCHEDULER
"""

import os
import signal
import socket
import struct
import time
import unittest

import msgpack
from distributed import wait

from cluster import OneCluster, until

MIB = 1 << 20
MOST_UNSENT = 16 * MIB
MANY = 15  # connections that the client and the worker may have opened meanwhile for themselves
HANDSHAKE = {"compression": None, "python": (3, 11, 0), "pickle-protocol": 5}


def increment(x):
    return x + 1


def words(*values):
    return struct.pack(f"<{len(values)}Q", *values)


def framed(message):
    packed = msgpack.packb(message)
    return words(16 + len(packed), 1, len(packed)) + packed


def announced(message, payload):
    """The beginning of a message whose second frame, outside of the block, has `payload` bytes."""
    packed = msgpack.packb(message)
    return words(24 + len(packed), 2, len(packed), payload) + packed


class Peer:
    """A connection that has shaken hands, and does not read unless it is told to."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(framed(HANDSHAKE))
        self.read()

    def send(self, message):
        self.socket.sendall(framed(message))

    def read_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def read(self):
        (block,) = struct.unpack("<Q", self.read_exactly(8))
        body = self.read_exactly(block)
        (frames,) = struct.unpack_from("<Q", body)
        lengths = struct.unpack_from(f"<{frames}Q", body, 8)
        begin = 8 + 8 * frames
        body += self.read_exactly(begin + sum(lengths) - block)
        return msgpack.unpackb(body[begin:begin + lengths[0]], strict_map_key=False)

    def become_client(self, name):
        self.send({"op": "register-client", "client": name, "reply": False, "versions": {}})
        self.read()
        return self

    def reset(self):
        """As when the process is killed with bytes unread."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Crowd(OneCluster):
    SCHEDULER = ("--most-unsent", str(MOST_UNSENT))
    WORKERS = (((), {"name": "alice"}),)

    def setUp(self):
        super().setUp()
        self.assert_serves()
        self.reset_peak()

    def connect_raw(self, *arguments):
        peer = Peer(self.scheduler.port, *arguments)
        self.addCleanup(peer.socket.close)
        return peer

    def proc(self, name):
        return f"/proc/{self.scheduler.process.pid}/{name}"

    def memory(self, name="VmRSS"):
        with open(self.proc("status")) as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name + ":")) // 1024

    def reset_peak(self):
        with open(self.proc("clear_refs"), "w") as file:
            file.write("5")
        self.before = self.memory()

    def assert_grew_less_than(self, mib):
        """At no moment since the test began."""
        self.assertLess(self.memory("VmHWM") - self.before, mib)

    def open_files(self):
        return len(os.listdir(self.proc("fd")))

    def assert_serves(self, patience=20):
        self.assertEqual(self.client.submit(increment, 1, pure=False).result(timeout=patience), 2)

    def test_a_thousand_idle_clients(self):
        files = self.open_files()
        idle = [self.connect_raw().become_client(f"idle-{number}") for number in range(1000)]
        self.assertEqual(self.client.gather(self.client.map(increment, range(500), pure=False)), list(range(1, 501)))
        for peer in idle:
            peer.send([{"op": "heartbeat-client"}])
        for peer in idle:
            self.assertEqual(peer.read()[0]["op"], "adjust-heartbeat-interval")
        self.assert_grew_less_than(150)
        for peer in idle:
            peer.socket.close()
        until(lambda: self.open_files() < files + MANY)
        self.assert_serves()

    def test_killed_in_the_middle_of_messages_that_are_large(self):
        files = self.open_files()
        message = {"op": "echo", "data": {"__Serialized__": 1}}
        peers = [self.connect_raw() for _ in range(200)]
        for peer in peers:
            peer.socket.sendall(announced(message, 1 << 30) + bytes(MIB // 4))
        self.assert_serves()
        self.assert_grew_less_than(200)  # each announced a GiB and sent a quarter of a MiB
        for peer in peers:
            peer.reset()
        until(lambda: self.open_files() < files + MANY)
        self.assert_serves()

    def test_what_a_killed_client_had_sent_is_given_back(self):
        peer = self.connect_raw().become_client("large")
        peer.socket.sendall(announced([{"op": "update-graph", "expr_ser": {"__Serialized__": 1}}], 1 << 30))
        for _ in range(200):
            peer.socket.sendall(bytes(MIB))
        until(lambda: self.memory() - self.before > 150)
        peer.reset()
        until(lambda: self.memory() - self.before < 50)
        self.assert_serves()

    def test_killed_at_every_byte_of_a_message(self):
        message = framed([{"op": "client-desires-keys", "keys": ["x", "y"]}, {"op": "heartbeat-client"}])
        files = self.open_files()
        for size in range(0, len(message), 2):
            peer = self.connect_raw().become_client(f"cut-{size}")
            peer.socket.sendall(message[:size])
            peer.reset()
        until(lambda: self.open_files() < files + MANY)
        self.assert_serves()

    def test_a_client_that_does_not_read_is_dropped_with_a_reason(self):
        slow = self.connect_raw(4096).become_client("slow")
        slow.send([{"op": "subscribe-topic", "topic": "loud", "client": "slow"}])
        slow.send([{"op": "heartbeat-client"}])
        slow.read()
        events = [bytes(MIB)] * 60  # the scheduler keeps some of them for get_events
        for event in events:
            self.client.log_event("loud", event)
        log = until(lambda: next((line for line in self.scheduler.log_text().splitlines()
                                  if "event=dask_slow_reader" in line or f"limit is {MOST_UNSENT}" in line), None))
        self.assertIn(f"tcp://127.0.0.1:{slow.socket.getsockname()[1]}", log)
        with self.assertRaises((EOFError, OSError)):
            while True:
                slow.read()
        self.assert_serves()
        self.assert_grew_less_than(200)

    def test_requests_that_are_sent_without_reading_replies_are_not_piled_up(self):
        future = self.client.submit(bytes, 8 * MIB, pure=False)
        wait(future, timeout=20)
        slow = self.connect_raw(4096)
        slow.socket.settimeout(0.5)
        try:  # 8 MiB each are asked for, a hundred times
            for _ in range(100):
                slow.send({"op": "gather", "keys": [future.key], "reply": True})
        except TimeoutError:
            pass
        self.assert_serves()
        self.assert_grew_less_than(100)

    def test_half_closed_connections(self):
        """The peer says that it will send nothing more, and stays."""
        files = self.open_files()
        peers = [self.connect_raw().become_client(f"half-{number}") for number in range(20)]
        for peer in peers:
            peer.socket.shutdown(socket.SHUT_WR)
        for peer in peers:
            self.assertEqual(peer.socket.recv(1), b"")
        until(lambda: self.open_files() < files + MANY)
        self.assert_serves()


class Frozen(OneCluster):
    """Peers that are there and say nothing, as when a cable is cut."""

    SCHEDULER = ("--silence", "3")
    WORKERS = (((), {"name": "alice"}),)

    def test_a_worker_that_stops_loses_its_tasks_to_others(self):
        frozen = self.start_worker(name="frozen")
        self.client.wait_for_workers(2, timeout=60)
        futures = self.client.map(increment, range(50), workers=["frozen"], allow_other_workers=True, pure=False)
        wait(futures, timeout=20)
        frozen.process.send_signal(signal.SIGSTOP)
        self.addCleanup(frozen.process.send_signal, signal.SIGCONT)
        began = time.monotonic()
        until(lambda: len(self.client.ncores()) == 1)
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(self.client.gather(self.client.map(increment, futures)), list(range(2, 52)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
