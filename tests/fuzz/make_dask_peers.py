#!/usr/bin/env python3
"""Writes corpus/dask_peers: what workers and clients say to the Dask scheduler, every operation at least once.

Example: python3 tests/fuzz/make_dask_peers.py tests/fuzz/corpus/dask_peers     # needs msgpack

A file is a row of records {peer, length as two bytes, msgpack}, as dask_peers.cc reads them.
"""

import pathlib
import sys

import msgpack

ADDRESS = "tcp://127.0.0.1:1"
VALUE = {"__Serialized__": 1}
PICKLE = {"__Pickled__": 1}
WORKER, CLIENT, OTHER = 0, 1, 2


def record(peer, message):
    body = msgpack.packb(message)
    return bytes([peer, len(body) & 255, len(body) >> 8]) + body


def request(op, **fields):
    return record(OTHER, {"op": op, **fields})


def says(peer, *operations):
    return record(peer, [{"op": op, **fields} for op, fields in operations])


def worker(status="running", **fields):
    registration = {"op": "register-worker", "reply": False, "address": ADDRESS, "status": "init", "nthreads": 2, "name": "w",
                    "memory_limit": 1 << 30, "resources": {"R": 1}, "nanny": None, "metrics": {}, "services": {}}
    return record(WORKER, {**registration, **fields}) + says(WORKER, ("worker-status-change", {"status": status}))


def client():
    return record(CLIENT, {"op": "register-client", "client": "c", "reply": False, "versions": {}})


def graph(*keys, **fields):
    return says(CLIENT, ("update-graph", {"expr_ser": VALUE, "keys": {"__Set__": True, "as-list": keys}, "annotations": PICKLE,
                                          "internal_priority": None, "fifo_timeout": "100ms", "actors": False,
                                          "submitting_task": None, **fields}))


def finished(key, run=1, **fields):
    spans = [{"action": "compute", "start": 1.0, "stop": 2.0}]
    return ("task-finished", {"key": key, "run_id": run, "nbytes": 8, "type": b"t", "typename": "int", "startstops": spans,
                              "status": "OK", **fields})


def erred(key, run=1):
    return ("task-erred", {"key": key, "run_id": run, "exception": VALUE, "traceback": VALUE, "exception_text": "e"})


def sessions():
    cluster = worker() + client()
    yield "finishes", cluster + graph("a", "b", ("c", 1)) + says(WORKER, finished("a")) + says(
        WORKER, finished("b"), finished(("c", 1))) + says(
            CLIENT, ("client-releases-keys", {"keys": ["a", "b"], "client": "c"}), ("close-stream", {}))
    yield "fails", cluster + graph("a", "b") + says(WORKER, erred("a")) + request("retry", keys=["b"], client="c") + says(
        WORKER, erred("a", 2)) + says(CLIENT, ("report-key", {"key": "b"}), ("client-desires-keys", {"keys": ["a"]}))
    yield "reschedules", cluster + graph("a", "b") + says(WORKER, ("reschedule", {"key": "a"}), ("long-running", {
        "key": "a", "run_id": 2, "compute_duration": 0.1}), finished("a", 2)) + says(
            WORKER, ("release-worker-data", {"key": "a"}), ("add-keys", {"keys": ["a", "z"]}),
            ("request-refresh-who-has", {"keys": ["a"]}), ("keep-alive", {}), ("log-event", {"topic": ["t"], "msg": {"m": 1}}),
            ("steal-response", {"key": "a", "state": "ready", "stimulus_id": "s"}), ("close-stream", {}))
    yield "cancels", cluster + graph("a", "b", actors=True) + says(
        CLIENT, ("cancel-keys", {"keys": ["a"], "force": True, "reason": "r", "msg": None}), ("heartbeat-client", {}),
        ("subscribe-topic", {"topic": "t", "client": "c"}), ("log-event", {"topic": "t", "msg": VALUE}),
        ("unsubscribe-topic", {"topic": "t", "client": "c"}))
    yield "asks", cluster + graph("a") + says(WORKER, finished("a")) + b"".join(
        request(op, **fields) for op, fields in [
            ("identity", {"n_workers": -1}), ("echo", {"data": VALUE}), ("versions", {}), ("ncores", {"workers": ["w"]}),
            ("ncores_running", {}), ("has_what", {"workers": [ADDRESS]}), ("processing", {}), ("who_has", {"keys": ["a"]}),
            ("nbytes", {"keys": ["a"], "summary": False}), ("get_task_status", {"keys": ["a"]}),
            ("adaptive_target", {"target_duration": "5s"}), ("workers_to_close", {"n": 1, "attribute": "name"}),
            ("get_logs", {}), ("get_story", {"keys_or_stimuli": ["a"]}), ("subscribe_worker_status", {}), ("close", {})])
    yield "shares", client() + b"".join(
        request(op, **fields) for op, fields in [
            ("event_set", {"name": "e"}), ("event_wait", {"name": "e", "timeout": "1s"}), ("event_is_set", {"name": "e"}),
            ("event_clear", {"name": "e"}), ("semaphore_register", {"name": "s", "max_leases": 2, "lease_timeout": 30}),
            ("semaphore_acquire", {"name": "s", "timeout": 1, "lease_id": "l"}), ("semaphore_value", {"name": "s"}),
            ("semaphore_refresh_leases", {"name": "s", "lease_ids": ["l"]}), ("semaphore_release", {"name": "s", "lease_id": "l"}),
            ("semaphore_close", {"name": "s"}), ("multi_lock_acquire", {"locks": ["a", "b"], "id": "i", "num_locks": 1}),
            ("multi_lock_release", {"id": "i"}), ("variable_set", {"name": "v", "data": 1}),
            ("variable_get", {"name": "v", "client": "c", "timeout": 1}), ("queue_create", {"name": "q", "maxsize": 2}),
            ("queue_put", {"name": "q", "data": VALUE, "timeout": 1}), ("queue_get", {"name": "q", "timeout": 1, "batch": True}),
            ("queue_qsize", {"name": "q"}), ("set_metadata", {"keys": ["a", 1], "value": 2}),
            ("get_metadata", {"keys": ["a"], "default": {"__Enum__": True, "name": "no_default"}}),
            ("log_event", {"topic": ["t", "u"], "msg": 1}), ("events", {"topic": "t"}), ("events", {})])
    yield "shares_futures", cluster + graph("a") + request("variable_set", name="v", key="a") + request(
        "variable_get", name="v", client="c", timeout=1) + request("queue_create", name="q", maxsize=0) + request(
            "queue_put", name="q", key="a") + request("queue_get", name="q", timeout=1, batch=2) + says(
                CLIENT, ("variable-future-received-confirm", {"name": "v", "key": "a", "token": "t"}),
                ("variable_delete", {"name": "v"}), ("queue-future-release", {"name": "q", "key": "a"}),
                ("queue_release", {"name": "q"}))
    yield "publishes", cluster + graph("a") + says(CLIENT, ("publish_flush_batched_send", {"uid": "u"})) + request(
        "publish_put", names=["d"], keys=[["a"]], data=[VALUE], override=False, client="c", uid="u") + request(
            "publish_get", names=["d", "e"]) + request("publish_list") + request(
                "publish_delete", names=["d"], client="c", uid="w") + says(CLIENT, ("publish_flush_batched_send", {"uid": "w"}))
    yield "moves_data", cluster + says(CLIENT, ("update-data", {"who_has": {"x": [ADDRESS]}, "nbytes": {"x": 9}})) + b"".join(
        request(op, **fields) for op, fields in [
            ("update_data", {"who_has": {"y": [ADDRESS]}, "nbytes": {"y": 1.5}, "client": "c"}), ("gather", {"keys": ["x", "y"]})])
    for op, fields in [("scatter", {"data": {"x": VALUE}, "client": "c", "broadcast": 2, "workers": None, "timeout": 1}),
                       ("replicate", {"keys": ["x"], "n": 2, "workers": None, "branching_factor": 2}),
                       ("rebalance", {"keys": ["x"], "workers": None}),
                       ("broadcast", {"msg": {"op": "run", "function": PICKLE}, "workers": None, "on_error": "return_pickle"}),
                       ("proxy", {"msg": {"op": "ping"}, "worker": ADDRESS}), ("worker_logs", {"n": 3, "nanny": True}),
                       ("call_stack", {"keys": ["a"]}), ("restart", {"timeout": 1, "wait_for_workers": False}),
                       ("restart_workers", {"workers": ["w"], "timeout": 1, "on_error": "return"}),
                       ("retire_workers", {"workers": [ADDRESS], "close_workers": True, "remove": True})]:
        yield op, cluster + graph("a") + says(WORKER, finished("a")) + request(op, **fields)
    yield "watches", cluster + graph("a", "b") + request("subscribe_worker_status") + says(WORKER, erred("a")) + b"".join(
        record(CLIENT + 2, {"op": op, **fields}) for op, fields in [
            ("get_runspec", {"key": "a"}), ("get_error_cause", {"keys": ["b"]}), ("amm_handler", {"method": "running"}),
            ("feed", {"function": b"f", "setup": b"s", "teardown": None, "interval": "100ms"})])
    yield "belongs", worker() + b"".join(
        request(op, **fields) for op, fields in [
            ("heartbeat_worker", {"address": ADDRESS, "metrics": {"memory": 5, "bandwidth": {"total": 1e8}}, "executing": {"a": 1.0}}),
            ("set_resources", {"worker": ADDRESS, "resources": {"R": 0.5}}), ("register_nanny", {"address": ADDRESS})])
    yield "leaves", worker(nanny=ADDRESS) + request("unregister", address=ADDRESS)
    yield "plugs_in", worker() + b"".join(
        request(op, **fields) for op, fields in [
            ("register_worker_plugin", {"plugin": b"p", "name": "p", "idempotent": True}),
            ("register_nanny_plugin", {"plugin": b"p", "name": "p"}), ("unregister_worker_plugin", {"name": "p"}),
            ("register_scheduler_plugin", {"plugin": b"p", "name": "p", "idempotent": False}),
            ("run_function", {"function": b"f", "args": b"a", "kwargs": b"k", "wait": True}), ("terminate", {}), ("feed", {})])
    yield "shuffles", cluster + graph("t", "shuffle-barrier-s", ("o", 0)) + b"".join(
        request(op, **fields) for op, fields in [
            ("shuffle_get_or_create", {"shuffle_id": "s", "key": "t", "worker": ADDRESS}),
            ("shuffle_get", {"id": "s", "worker": ADDRESS}),
            ("shuffle_restrict_task", {"id": "s", "run_id": 1, "key": ["o", 0], "worker": ADDRESS}),
            ("shuffle_barrier", {"id": "s", "run_id": 1, "consistent": False})])


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in sessions():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
