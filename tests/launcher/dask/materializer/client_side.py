"""What clients and workers do around the materializer: makes requests as a client does and runs tasks as a worker does.

The test executes this text inside of the Python that it tests, with __name__ == "__main__" as in a user's script, and
calls `run(name, payload)`. Everything goes in and out as msgpack.
"""

import operator
import os

import dask
import dask.bag
import msgpack
from dask._expr import LLGExpr
from dask._task_spec import Task
from dask.base import collections_to_expr
from dask.core import flatten
from distributed.protocol import pickle
from distributed.protocol.serialize import msgpack_encode_default, serialize, to_serialize


def run(name, payload):
    return globals()[name](payload)


# ---- graphs


def request(expression, wanted, order=None, annotations=None):
    header, frames = serialize(to_serialize(expression), on_error="raise")
    return {
        "header": msgpack.packb({**header, "num-sub-frames": len(frames)}, default=msgpack_encode_default),
        "frames": [bytes(frame) for frame in frames],
        "wanted": wanted,
        "order": order,
        "annotations": pickle.dumps(annotations) if annotations else None,
    }


def of_calls(function, values, **options):
    """As Client.map() does, and Client.submit() for one value."""
    keys = [f"call-{number}" for number in range(len(values))]
    graph = {key: Task(key, function, value) for key, value in zip(keys, values)}
    return request(LLGExpr(graph), keys, {key: number for number, key in enumerate(keys)}, **options)


def of_collections(*collections, **options):
    """As Client.compute() does."""
    expression = collections_to_expr(collections).optimize()
    return request(expression, list(flatten(expression.__dask_keys__())), **options)


@dask.delayed
def add(left, right):
    return left + right


class Point:
    """A class of the user's script: travels by value."""

    def __init__(self, x):
        self.x = x

    def __repr__(self):
        return f"Point({self.x})"


def exploding(key):
    raise ZeroDivisionError(f"no priority for {key}")


def printing(key):
    print("a user's print")
    os.write(1, b"and one that goes around sys.stdout\n")
    return 1


def annotated_layers():
    with dask.annotate(priority=5, resources={"GPU": 1}, workers=["alice", "tcp://10.0.0.1:1"]):
        first = add(1, 2)
    with dask.annotate(retries=3, allow_other_workers=True, tag={"a", "b"}):
        return add(first, 10)


REQUESTS = {
    "submit": lambda: of_calls(operator.neg, [7]),
    "map of lambdas": lambda: of_calls(lambda x: x * x, [1, 2, 3]),
    "map over objects": lambda: of_calls(lambda point: Point(point.x + 1), [Point(1), Point(2)]),
    "culled": lambda: request(LLGExpr({key: Task(key, operator.neg, 1) for key in "abc"}), ["b"]),
    "delayed": lambda: of_collections(add(add(1, 2), add(3, 4)), add(5, 6)),
    "bag": lambda: of_collections(dask.bag.from_sequence(range(10), npartitions=3).map(lambda x: x % 3).frequencies()),
    "keys of any type": lambda: request(
        LLGExpr(
            {
                ("x", 1, 2.5): Task(("x", 1, 2.5), operator.neg, 3),
                b"bytes": Task(b"bytes", operator.neg, 4),
                7: Task(7, operator.neg, 5),
                2.0: Task(2.0, operator.neg, 6),
            }
        ),
        [("x", 1, 2.5), b"bytes", 7, 2.0],
    ),
    "annotations for all": lambda: of_calls(operator.neg, [1, 2], annotations={"retries": 2, "workers": "alice"}),
    "annotations by key": lambda: of_calls(
        operator.neg, [1, 2], annotations={"priority": lambda key: 9 if key == "call-1" else 0}
    ),
    "annotated layers": lambda: of_collections(annotated_layers(), annotations={"priority": 1}),
    "printing": lambda: of_calls(operator.neg, [1], annotations={"priority": printing}),
    "exploding": lambda: of_calls(operator.neg, [1], annotations={"priority": exploding}),
    "unsendable annotation": lambda: of_calls(operator.neg, [1], annotations={"thing": object()}),
    "not a graph": lambda: request("hello", ["x"]),
    "10,000 tasks": lambda: of_calls(lambda x: x + 1, range(10_000)),
}


def make_request(payload):
    return msgpack.packb(REQUESTS[msgpack.unpackb(payload)]())


def request_for_module(payload):
    """A graph that calls MODULE.answer(), made by a client that has the module: {name, source}."""
    import sys
    import types

    name, source = msgpack.unpackb(payload)
    module = types.ModuleType(name)
    exec(source, module.__dict__)
    sys.modules[name] = module
    try:
        return msgpack.packb(of_calls(module.answer, [0]))
    finally:
        del sys.modules[name]


def evaluate(payload):
    """Runs tasks as workers do: repr() of the wanted keys' results."""
    tasks, wanted = msgpack.unpackb(payload, use_list=False, strict_map_key=False)
    specs = {key: (dependencies, pickle.loads(spec)) for key, dependencies, spec in tasks}
    results = {}

    def result(key):
        if key not in results:
            dependencies, spec = specs[key]
            results[key] = spec({dependency: result(dependency) for dependency in dependencies})
        return results[key]

    return repr([result(key) for key in wanted]).encode()


# ---- plugins, functions and workers


def upload_plugin(payload):
    import tempfile

    from distributed.diagnostics.plugin import SchedulerUploadFile

    name, source = msgpack.unpackb(payload)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write(source)
        return pickle.dumps(SchedulerUploadFile(path))


def forwarding_plugin(payload):
    import tempfile

    from distributed.diagnostics.plugin import InstallPlugin, UploadDirectory

    made_by = msgpack.unpackb(payload)
    if made_by == "directory":
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "folder"))
            return pickle.dumps(UploadDirectory(os.path.join(folder, "folder")))

    def install():
        assert os.environ.get("ON_A_WORKER"), "installed beside the scheduler"
        return 42

    plugin = InstallPlugin(install, restart_workers="restart" in made_by)
    plugin.name = "named"
    return pickle.dumps(plugin)


def described_plugin(payload):
    plugin = pickle.loads(payload)
    os.environ["ON_A_WORKER"] = "yes"
    try:
        installs = f" installs: {plugin._install_fn()}" if hasattr(plugin, "_install_fn") else ""
        return f"{type(plugin).__name__}{installs}".encode()
    finally:
        del os.environ["ON_A_WORKER"]


def other_plugin(payload):
    from distributed.diagnostics.plugin import SchedulerPlugin

    class Counter(SchedulerPlugin):
        pass

    return pickle.dumps(Counter())


def progress_bar(payload):
    """What a bar of `payload` (its class) over two keys asks the scheduler to set up."""
    import asyncio

    from distributed.diagnostics import progressbar

    class Asked(Exception):
        pass

    class Connection:
        async def write(self, message, **options):
            raise Asked(message)

        def abort(self):
            pass

    async def connect(*arguments, **options):
        return Connection()

    progressbar.connect = connect
    try:
        bar = getattr(progressbar, msgpack.unpackb(payload))(["x", ("y", 1)], scheduler="tcp://127.0.0.1:1", complete=True)
        asyncio.run(bar.listen())
    except Asked as asked:
        return asked.args[0]["setup"]


def raised(payload):
    """repr() of a pickled exception."""
    return repr(pickle.loads(payload)).encode()


def as_worker(payload):
    """What a worker's `run` operation does with a message, without its reply's frame."""
    import asyncio

    message = msgpack.unpackb(payload)
    function, args = pickle.loads(message["function"]), pickle.loads(message["args"])
    return asyncio.run(function(*args, **pickle.loads(message["kwargs"])))
