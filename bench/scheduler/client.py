"""One round of the scheduler benchmark, as a real client sees it. Started by run.py, which it talks to in lines.

    client.py ADDRESS WORKERS TASKS [--held]     # --held: tasks are submitted and never finish
"""
import json
import sys
import time
import warnings

from distributed import Client, wait

GRAPH = 100_000  # tasks, at most


def increment(x):
    return x + 1


def submit(client, tasks):
    futures = []
    while len(futures) < tasks:
        futures += client.map(increment, range(min(GRAPH, tasks - len(futures))), pure=False)
    return futures


def run(client, tasks):
    began = time.perf_counter()
    futures = submit(client, tasks)
    wait(futures)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "finished": sum(future.status == "finished" for future in futures)}


def tell(value):
    print(json.dumps(value), flush=True)
    return sys.stdin.readline()  # until the parent has looked at the scheduler


def main():
    warnings.simplefilter("ignore")  # zero workers say nothing of their packages
    address, workers, tasks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with Client(address, timeout=60) as client:
        client.wait_for_workers(workers, timeout=120)
        if "--held" in sys.argv:
            futures = submit(client, tasks)
            client.publish_dataset(last=futures[-1])  # is answered behind this client's graphs
            tell({"held": len(futures)})
            return
        run(client, min(tasks, 200))  # what starts lazily has started
        tell("ready")
        tell(run(client, tasks))


main()
