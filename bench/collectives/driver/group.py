"""The ranks of one system, from their start to their end."""
import os
import pathlib
import selectors
import signal
import socket
import subprocess
import time

# As kMaxRanks and kMaxSamples of measure/start_line.h lay the page out; more zeros than needed cost nothing.
PAGE_BYTES = 4 << 20
START_SECONDS = 60
# The slowest system at the largest size needs a few seconds a measurement.
ANSWER_SECONDS = 300


class GroupError(Exception):
    """A system's ranks did not start, failed, or did not answer. The text ends with what they printed."""


class Connection:
    """A rank's end of the conversation: whole lines both ways."""

    def __init__(self, stream):
        stream.settimeout(ANSWER_SECONDS)
        self.stream, self.lines = stream, stream.makefile("r", encoding="utf-8")

    def fileno(self):
        return self.stream.fileno()

    def write(self, line):
        self.stream.sendall(line.encode())

    def read(self):
        return self.lines.readline().strip()

    def close(self):
        self.lines.close()
        self.stream.close()


class Group:
    """Rank processes that sleep on a unix socket of their own until they are told what to measure.

    `start(socket_path, page_path)` gives (command, environment) per process; `hellos` ranks connect in all (mpirun is one
    process and many ranks; a program whose ranks are threads connects once).
    """

    def __init__(self, name, folder, hellos, start):
        self.name, self.processes, self.connections = name, [], {}
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.log = self.folder / "log"
        page, path = self.folder / "page", self.folder / "socket"
        with open(page, "wb") as file:
            file.truncate(PAGE_BYTES)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)
        try:
            with open(self.log, "wb") as log:
                for command, environment in start(path, page):
                    self.processes.append(subprocess.Popen(
                        [str(word) for word in command], env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                        stdout=log, stderr=log, start_new_session=True))
            self._accept(listener, hellos)
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def _accept(self, listener, hellos):
        listener.settimeout(0.5)
        deadline = time.monotonic() + START_SECONDS
        while len(self.connections) < hellos:
            try:
                connection = Connection(listener.accept()[0])
            except TimeoutError:
                if any(process.poll() is not None for process in self.processes) or time.monotonic() > deadline:
                    raise self._error(f"{len(self.connections)} of {hellos} ranks came") from None
                continue
            self.connections[int(connection.read().split()[1])] = connection

    def _error(self, text):
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-20:]
        return GroupError("\n    | ".join([f"{self.name}: {text}"] + lines))

    def measure(self, operation, size, buffer, seconds, samples):
        """One round of one row: {"median_us", "p90_us", "samples", "wrong", "more": {}}. The ranks do nothing else meanwhile."""
        line = f"measure {operation} {size} {buffer} {seconds} {samples}\n"
        answers = {}
        with selectors.DefaultSelector() as selector:
            for rank, connection in self.connections.items():
                selector.register(connection, selectors.EVENT_READ, rank)
            for connection in self.connections.values():
                connection.write(line)
            while len(answers) < len(self.connections):
                ready = selector.select(ANSWER_SECONDS)
                if not ready:
                    raise self._error(f"no answer to '{line.strip()}' within {ANSWER_SECONDS} s")
                for key, _ in ready:
                    selector.unregister(key.fileobj)
                    answer = key.fileobj.read()
                    if not answer.startswith("result "):
                        raise self._error(f"rank {key.data} on '{line.strip()}': {answer or 'it ended'}")
                    answers[key.data] = answer.split()
        _, median, p90, count, wrong, *more = answers[min(answers)]
        return {"median_us": float(median), "p90_us": float(p90), "samples": int(count), "wrong": int(wrong),
                "more": dict(pair.split("=", 1) for pair in more)}

    def close(self):
        """Ends the ranks: they leave when their socket closes; what stays is killed."""
        for connection in self.connections.values():
            try:
                connection.close()
            except OSError:
                pass
        self.connections = {}
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._kill(process)
        self.processes = []

    @staticmethod
    def _kill(process):
        for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=patience)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
