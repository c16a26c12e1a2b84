"""Records the update-graph messages that bench_raw_load sends, as an unmodified client makes them.

    record_graphs.py ADDRESS MANY_FILE TASKS ONE_FILE     # ADDRESS: of any scheduler; nothing is submitted to it
"""
import struct
import sys
import warnings

from distributed import Client
from distributed.protocol import dumps
from distributed.protocol.utils import pack_frames_prelude


def increment(x):
    return x + 1


def write(path, message):
    frames = [bytes(frame) for frame in dumps([message], context={"compression": None})]
    block = pack_frames_prelude(frames) + b"".join(frames)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(block)) + block)


def main():
    warnings.simplefilter("ignore")  # the graph is large
    address, many, tasks, one = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    with Client(address, timeout=60) as client:
        sent, really_send = [], client._send_to_scheduler
        client._send_to_scheduler = sent.append
        keys = [f"many-{number:07d}" for number in range(tasks)]
        futures = client.get({"gate": (increment, 0), **{key: (increment, "gate") for key in keys}}, keys, sync=False)
        futures.append(client.submit(increment, 0, key="one-0000000"))
        write(many, next(message for message in sent if message["op"] == "update-graph"))
        write(one, [message for message in sent if message["op"] == "update-graph"][1])
        client._send_to_scheduler = really_send
        for future in futures:
            future.release()


main()
