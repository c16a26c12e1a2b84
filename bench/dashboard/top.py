"""`launcher top` at a terminal, while ranks report once a second."""
import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time

LINES, COLUMNS = 60, 160
SETTLE = 2  # seconds until the screen is there


@contextlib.contextmanager
def at_a_terminal(command, environment):
    """A process whose screen is read and forgotten; and how many bytes it has drawn."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    drawn = [0]

    def read():
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                drawn[0] += len(data)

    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, start_new_session=True,
                               env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment})
    os.close(its)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield process, drawn
    finally:
        process.terminate()
        process.wait()
        reader.join()
        os.close(ours)


def measure(cluster, cpu_seconds):
    """[(measure, value, unit)]"""
    seconds = max(10, cluster.seconds)
    command = [str(cluster.bin / "launcher"), "top"]
    with at_a_terminal(command, {"TRIREME_SCHEDULER": cluster.address}) as (process, drawn):
        time.sleep(SETTLE)
        spent, before = cpu_seconds(process.pid), drawn[0]
        time.sleep(seconds)
        spent = cpu_seconds(process.pid) - spent
        if process.poll() is not None or drawn[0] == before:
            raise SystemExit("launcher top drew nothing")
    return [(f"top_cpu_{cluster.ranks}_ranks", round(100 * spent / seconds, 1), "% of a core"),
            (f"top_bytes_{cluster.ranks}_ranks", round((drawn[0] - before) / seconds), "B/s")]
