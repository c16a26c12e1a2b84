"""Opens what Dask's clients pickle: graphs, annotations, plugins and functions. See README.md for the messages.

The text is embedded into the launcher and runs in one of two places: in a process beside the scheduler (`serve`), or in
a Dask worker, by its `run` operation (`answer_in_thread`). `answer` turns one request into one response, both msgpack
maps; whatever goes wrong in a request becomes a response of status "error" with a pickled exception.

It is one file, long as it is, because workers are sent it as one text.
"""

import os
import sys

# What a task is sent to a worker with, by the pickle protocol of every supported Python.
PICKLE_PROTOCOL = 5


def answer(request):
    """The response to one request, bytes to bytes."""
    import msgpack

    try:
        message = msgpack.unpackb(request, strict_map_key=False, use_list=False)
        return msgpack.packb(OPERATIONS[message["op"]](message))
    except MemoryError as error:
        return msgpack.packb(failure(MemoryError(explain_memory(error))))
    except Exception as error:
        return msgpack.packb(failure(error))
    except BaseException as error:  # sys.exit() in user code must not end the client that it is reported to
        return msgpack.packb(failure(RuntimeError(f"code that ran in the scheduler's Python raised {error!r}")))


def explain_memory(error):
    """Python raises most of these without a word."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_DATA)[0]
    of = "" if limit == resource.RLIM_INFINITY else f" of {limit >> 20} MiB"
    return (
        f"{error}{': ' if str(error) else ''}this needed more than the memory{of} that the scheduler's Python may use. "
        "A graph should not hold data: put it on the workers first (Client.scatter), or load it in tasks."
    )


def packed(value):
    """As Dask's comms pack it: sets and enums in their own way."""
    import msgpack
    from distributed.protocol.serialize import msgpack_encode_default

    return msgpack.packb(value, default=msgpack_encode_default)


async def answer_in_thread(request):
    """As `answer`, leaving a worker's event loop free for its heartbeats."""
    import asyncio

    return await asyncio.to_thread(answer, request)


def failure(error):
    """The response that makes the client raise `error`, with a traceback that begins at the user's code."""
    from distributed.core import error_message

    message = error_message(error)
    return {
        "status": "error",
        "exception": message["exception"].data,
        "traceback": message["traceback"].data if message["traceback"] else None,
        "exception_text": message["exception_text"],
        "traceback_text": message["traceback_text"],
    }


# ---- graphs


def materialize(message):
    """Every task that the wanted keys need, each in a pickle of its own."""
    import pickle

    import dask.order
    from dask._expr import LLGExpr
    from dask._task_spec import convert_legacy_graph

    expression = open_expression(message["header"], message["frames"])
    annotations = pickle.loads(message["annotations"]) if message["annotations"] else {}
    if isinstance(expression, dict):  # an empty one, of Client.recreate_task_locally
        expression = LLGExpr(expression)
    graph = needed(convert_legacy_graph(expression.__dask_graph__()), message["wanted"])
    order = message["order"] or dask.order.order(graph)
    sets = AnnotationSets(annotations, expression.__dask_annotations__())
    dump = TaskPickler().dump
    tasks = [
        (key, list(task.dependencies), dump(task), order.get(key, 0), sets.index_of(key)) for key, task in graph.items()
    ]
    shuffles = [described_shuffle(task, dump) for task in graph.values() if type(task).__name__ == "P2PBarrierTask"]
    return {"status": "OK", "annotations": sets.sets, "tasks": tasks, "shuffles": shuffles}


def open_expression(header, frames):
    import msgpack
    from distributed.protocol.compression import decompress
    from distributed.protocol.serialize import merge_and_deserialize, msgpack_decode_default

    header = msgpack.unpackb(header, object_hook=msgpack_decode_default, strict_map_key=False, use_list=False)
    if "compression" in header:
        frames = decompress(header, frames)
    try:
        return merge_and_deserialize(header, frames)
    except Exception as error:
        raise RuntimeError(
            "Error during deserialization of the task graph. Most often the scheduler's Python "
            f"({sys.executable}) lacks a module that the client has, or has another version of it. "
            "Client.upload_file() brings single files to it."
        ) from error


def needed(graph, wanted):
    """The part of the graph that the wanted keys depend on, themselves included."""
    found = {}
    unseen = list(wanted)
    while unseen:
        key = unseen.pop()
        if key not in found and key in graph:
            found[key] = graph[key]
            unseen.extend(graph[key].dependencies)
    return found


def described_shuffle(barrier, dump):
    """What the scheduler needs to lead a P2P shuffle: the numbers, or tuples of numbers, of its output partitions."""
    spec = barrier.spec

    def plain(partition):
        return tuple(int(index) for index in partition) if isinstance(partition, tuple) else int(partition)

    return barrier.key, spec.id, dump(spec), [plain(partition) for partition in spec.output_partitions]


class AnnotationSets:
    """The annotations of tasks, each different set once. Set 0 is the one of tasks that have none."""

    def __init__(self, for_all, by_name):
        self.for_all = for_all
        self.by_name = by_name  # of layers of the graph: {name: {key: value}}; these win
        self.sets = [None]
        self.indices = {}

    def index_of(self, key):
        if not self.for_all and not self.by_name:
            return 0
        values = {name: value(key) if callable(value) else value for name, value in self.for_all.items()}
        for name, by_key in self.by_name.items():
            if by_key.get(key) is not None:
                values[name] = by_key[key]
        if not values:
            return 0
        for_worker = packed_annotations(values)
        if for_worker not in self.indices:
            self.indices[for_worker] = len(self.sets)
            self.sets.append(annotation_set(values, for_worker))
        return self.indices[for_worker]


def packed_annotations(values):
    try:
        return packed(values)
    except TypeError as error:
        raise TypeError(f"annotations of tasks must be numbers, texts, lists and maps of them: {values!r}") from error


def annotation_set(values, for_worker):
    workers = values.get("workers", values.get("restrictions")) or []
    if not isinstance(workers, (list, tuple, set)):
        workers = [workers]
    resources = values.get("resources") or {}
    return {
        "priority": float(values.get("priority") or 0),
        "retries": int(values.get("retries") or 0),
        "workers": [str(worker) for worker in workers],
        "allow_other_workers": bool(values.get("allow_other_workers", values.get("loose_restrictions"))),
        "resources": {str(name): float(amount) for name, amount in resources.items()},
        "packed": for_worker,
    }


class TaskPickler:
    """Pickles tasks one by one; what cannot be named and has to travel by value is pickled once for all of them.

    Such functions and classes (those of __main__, lambdas, local ones) cost cloudpickle 100 us or more each. Here
    their bytes are made once and become part of each task's pickle as a call of pickle.loads.
    """

    def __init__(self):
        import io
        import pickle
        import types

        import cloudpickle
        from distributed.protocol import pickle as dask_pickle

        stand_ins = {}  # by id: what stands for a function or a class in a pickle
        kept = []  # those, so that their ids stay their own

        class Pickler(pickle.Pickler):
            def reducer_override(self, value):
                known = stand_ins.get(id(value))
                if known is not None:
                    return known
                if not isinstance(value, (types.FunctionType, type)):
                    return NotImplemented
                kept.append(value)
                stand_in = NotImplemented if has_name(value) else (pickle.loads, (cloudpickle.dumps(value),))
                stand_ins[id(value)] = stand_in
                return stand_in

        self.buffer = io.BytesIO()
        self.pickler = Pickler(self.buffer, protocol=PICKLE_PROTOCOL)
        self.dump_alone = dask_pickle.dumps

    def dump(self, task):
        self.buffer.seek(0)
        self.buffer.truncate()
        self.pickler.clear_memo()
        try:
            self.pickler.dump(task)
            return self.buffer.getvalue()
        except Exception:
            return self.dump_alone(task)


def has_name(value):
    """Whether this function or class is an attribute of a module. Those of a client's __main__ are of none here."""
    import pickle

    try:
        pickle.dumps(value)
        return True
    except Exception:
        return False


# ---- Client.upload_file and other plugins


def upload(message):
    """What can be done with a scheduler plugin where there is no Python scheduler.

    The file of Client.upload_file() can be imported afterwards, and is loaded again if it was imported before. A plugin
    that only hands others on names those, for workers and nannies.
    """
    import pickle

    plugin = pickle.loads(message["plugin"])
    if type(plugin).__name__ == "SchedulerUploadFile":
        return {"status": "OK", "plugins": take_file(plugin)}
    if {"InstallPlugin", "UploadDirectory"} & {base.__name__ for base in type(plugin).__mro__}:
        return {"status": "OK", "plugins": forwarded_by(plugin)}
    raise RuntimeError(
        f"The scheduler plugin {type(plugin).__name__} was refused: this scheduler is no Python process, so no "
        "plugin can run in it. Worker plugins and nanny plugins work (Client.register_plugin), and so do "
        "Client.upload_file, Client.run_on_scheduler, PipInstall, CondaInstall and UploadDirectory."
    )


def take_file(plugin):
    from distributed.utils import import_file

    path = os.path.join(upload_folder(), os.path.basename(plugin.filename))
    data = plugin.data.encode() if isinstance(plugin.data, str) else plugin.data
    with open(path, "wb") as file:
        file.write(data)
    if plugin.load:
        import_file(path)
    return []


def forwarded_by(plugin):
    """The plugins that this one has workers or nannies run. What it would install here is not: we may not."""
    import asyncio

    taker = PluginTaker()
    if hasattr(plugin, "_install_fn"):
        plugin._install_fn = OnWorkers(plugin._install_fn)
    asyncio.run(plugin.start(taker))
    return taker.plugins


class PluginTaker:
    """As much of a scheduler as such plugins use."""

    def __init__(self):
        self.plugins = []
        self.local_directory = upload_folder()

    async def register_worker_plugin(self, comm, plugin, name, idempotent=False):
        return self._take(plugin, name, idempotent, to_nannies=False)

    async def register_nanny_plugin(self, comm, plugin, name, idempotent=False):
        return self._take(plugin, name, idempotent, to_nannies=True)

    def _take(self, plugin, name, idempotent, to_nannies):
        self.plugins.append({"name": name, "plugin": plugin, "to_nannies": to_nannies, "idempotent": bool(idempotent)})
        return {}


class OnWorkers:
    """A function that does nothing here, and is itself again where its pickle is opened."""

    def __init__(self, function):
        self.function = function

    def __call__(self):
        pass

    def __reduce__(self):
        import operator

        return operator.itemgetter(0), ((self.function,),)


_upload_folder = None


def upload_folder(folder=None):
    """Where uploaded files lie, on sys.path. The first call may name a folder, which may have files already."""
    global _upload_folder
    if _upload_folder is None:
        import tempfile

        _upload_folder = folder = folder or tempfile.mkdtemp(prefix="trireme-uploads-")
        sys.path.insert(0, folder)
        sys.path.extend(entry.path for entry in os.scandir(folder) if entry.name.endswith((".zip", ".egg", ".pyz")))
    return _upload_folder


# ---- Client.run_on_scheduler


def call(message):
    """Calls a function with the scheduler's stand-in, and serializes what it returns as a worker would."""
    import pickle
    from inspect import iscoroutinefunction

    from distributed.utils import has_arg

    function, args, kwargs = (pickle.loads(message[part]) for part in ("function", "args", "kwargs"))
    scheduler = stand_in()
    scheduler._learn(message["identity"])
    if has_arg(function, "dask_scheduler"):
        kwargs["dask_scheduler"] = scheduler
    if iscoroutinefunction(function):
        result = run_coroutine(function(*args, **kwargs), message["wait"])
    elif message["wait"]:
        result = function(*args, **kwargs)
    else:
        raise ValueError("wait=False needs a coroutine function")
    header, frames = serialized(result)
    return {"status": "OK", "header": header, "frames": frames, "events": scheduler._take_events()}


def serialized(value):
    """The header and the frames of a value, as they stand in a message."""
    from distributed.protocol.serialize import serialize_and_split

    header, frames = serialize_and_split(value, on_error="raise")
    return packed({**header, "num-sub-frames": len(frames)}), [bytes(frame) for frame in frames]


_loop = None


def run_coroutine(coroutine, wait):
    """Runs it on an event loop of its own thread, where coroutines that were not waited for go on."""
    import asyncio
    import threading

    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, name="run_on_scheduler", daemon=True).start()
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop)
    return future.result() if wait else None


_stand_in = None


def stand_in():
    global _stand_in
    if _stand_in is None:
        _stand_in = SchedulerStandIn()
    return _stand_in


class Explained:
    """Says for attributes that are not there what to use instead."""

    _instead = {}

    def __getattr__(self, name):
        text = f"{self._what} has no attribute {name!r}: this scheduler is no Python process."
        raise AttributeError(text + (f" Use {self._instead[name]}." if name in self._instead else ""))


class WorkerStandIn(Explained):
    """A worker as `identity` describes it: address, name, host, nthreads, memory_limit, resources, status, …"""

    _what = "A worker of dask_scheduler.workers"

    def __init__(self, address, identity):
        self.__dict__.update(identity, address=address)

    def identity(self):
        return {name: value for name, value in self.__dict__.items() if name != "address"}

    def __repr__(self):
        return f"<WorkerStandIn {self.address!r}, {self.nthreads} threads>"


class SchedulerStandIn(Explained):
    """What functions of Client.run_on_scheduler get as `dask_scheduler`.

    It has address, id, services, started, workers (address -> WorkerStandIn, as of the call), plugins (an empty dict),
    identity(), log_event() and whatever functions set on it: that stays for later calls.
    """

    _what = "dask_scheduler"
    _instead = {
        "tasks": "Client.who_has(), Client.processing() or Client.story()",
        "clients": "Client.scheduler_info()",
        "add_plugin": "Client.register_plugin() with a WorkerPlugin",
        "remove_plugin": "Client.unregister_worker_plugin()",
        "events": "Client.get_events()",
        "get_events": "Client.get_events()",
        "who_has": "Client.who_has()",
        "has_what": "Client.has_what()",
        "broadcast": "Client.run()",
        "retire_workers": "Client.retire_workers()",
        "restart": "Client.restart()",
        "close": "Client.shutdown()",
        "task_metadata": "Client.get_metadata()",
        "total_nthreads": "Client.nthreads()",
        "monitor": "the dashboard; a performance_report needs a scheduler in Python",
    }

    def __init__(self):
        self.plugins = {}
        self._events = []
        self._identity = {}

    def _learn(self, identity):
        self._identity = identity
        self.__dict__.update({name: value for name, value in identity.items() if name not in ("type", "workers")})
        self.workers = {address: WorkerStandIn(address, worker) for address, worker in identity["workers"].items()}

    def identity(self):
        return self._identity

    def log_event(self, topic, msg):
        for name in [topic] if isinstance(topic, str) else topic:
            self._events.append((name, packed(msg)))

    def _take_events(self):
        events, self._events = self._events, []
        return events


# ---- distributed.progress()


def progress_bar(message):
    """What a client's progress bar is about.

    It sends functions that are to run in a Python scheduler every 100 ms; the variables around the first one say all.
    """
    import inspect
    import pickle

    setup = pickle.loads(message["setup"]) if message["setup"] else None
    if getattr(setup, "__module__", None) != "distributed.diagnostics.progressbar":
        raise RuntimeError(
            "'feed' runs a function inside of a Python scheduler; this one is none. distributed.progress() works, and "
            "client.get_events() and client.subscribe_topic() show what happens."
        )
    around = inspect.getclosurevars(setup).nonlocals
    return {
        "status": "OK",
        "keys": list(around["keys"]),
        "shows_done": bool(around["complete"]),
        "by_kind": "group_by" in around,
    }


OPERATIONS = {"graph": materialize, "upload": upload, "call": call, "progress": progress_bar}


# ---- the process beside the scheduler


def serve(settings):
    """Answers requests on standard input until it ends: u64 length, little endian, and the body; so both ways.

    The first message, a text, is "OK" and distributed's version, or says why this Python is not fit for it. What user
    code prints goes to standard error.
    """
    import struct

    requests, responses = private_pipes()
    confine(settings)

    def respond(body):
        responses.write(struct.pack("<Q", len(body)))
        responses.write(body)
        responses.flush()

    respond(introduction(settings))
    while len(length := requests.read(8)) == 8:
        respond(answer(requests.read(struct.unpack("<Q", length)[0])))


def private_pipes():
    """Standard input and output for ourselves only: what user code reads is empty, what it writes is logged."""
    responses = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    requests = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, responses


def confine(settings):
    """Gives up what the process does not need: the user's rights, memory beyond the limit, core files.

    Where the kernel runs out of memory it takes this process before the scheduler.
    """
    import contextlib
    import ctypes
    import resource
    import signal

    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings["memory_limit"]:
        resource.setrlimit(resource.RLIMIT_DATA, (settings["memory_limit"],) * 2)
    if settings["user"] is not None:
        os.setgroups([])
        os.setresgid(*[settings["group"]] * 3)
        os.setresuid(*[settings["user"]] * 3)
        os.environ["HOME"] = settings["folder"]
    set_no_new_privileges, set_parent_death_signal = 38, 1
    process_control = ctypes.CDLL(None).prctl
    process_control(set_no_new_privileges, 1, 0, 0, 0)
    process_control(set_parent_death_signal, signal.SIGKILL)


def introduction(settings):
    try:
        # Imported now, so that the first graph does not wait for it.
        import logging

        import dask._expr
        import dask._task_spec
        import dask.order
        import distributed.client
        import msgpack  # noqa: F401

        # It logs pickles that cannot be opened, which the client is told of anyway.
        logging.getLogger("distributed.protocol.pickle").setLevel(logging.ERROR)
        upload_folder(settings["folder"])
        return f"OK {distributed.__version__}".encode()
    except Exception as error:
        return f"{type(error).__name__}: {error}".encode()
