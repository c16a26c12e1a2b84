"""A Dask cluster of the launcher's scheduler and of workers that are the launcher's runs."""

import json
import sys
import uuid
import warnings

from dask.system import CPU_COUNT
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface, SpecCluster
from distributed.system import MEMORY_LIMIT
from distributed.utils import Log, Logs

from trireme_dask.command import Command, LauncherError
from trireme_dask.nodes import Nodes

# What AzureVMCluster takes and the local provider has no use for.
CLOUD_ONLY = (
    "location",
    "resource_group",
    "vnet",
    "security_group",
    "public_ingress",
    "vm_size",
    "scheduler_vm_size",
    "vm_image",
    "disk_size",
    "bootstrap",
    "auto_shutdown",
    "docker_image",
    "docker_args",
    "extra_bootstrap",
    "subscription_id",
    "marketplace_plan",
    "debug",
)


# Exit codes of the launcher: no such cluster or run; no answer.
CLUSTER_IS_GONE = (3, 5)


class VMCluster(SpecCluster):
    """A Dask cluster that `launcher` starts, with the argument names of dask-cloudprovider's AzureVMCluster.

    Every worker has a node of its own: `scale` and `adapt` start a node for each worker that comes, and end the nodes of
    workers that have gone, whose results were copied to others first. One node stays, for the scheduler's sake. Where
    n_nodes is given, and on nodes with GPUs, the nodes stay as they are, and workers share them.

    Parameters
    ----------
    n_workers : int
        Workers to begin with. Default 0.
    worker_class : str
        The class of a worker, as in "dask_cuda.CUDAWorker". Default "distributed.nanny.Nanny".
    worker_options : dict
        What the worker's class takes: nthreads, memory_limit, resources, ... Threads and memory that are not given
        are shared fairly between the first nodes of the local provider, which are one machine.
    worker_module : str
        A module to run instead of a class, as `python -m MODULE ADDRESS --name NAME`.
    env_vars : dict
        Environment variables of workers, on top of this process's.
    name : str
        The cluster's name for `launcher ... --name`. Default "dask-" and eight digits.
    provider : str
        Where nodes come from. Only "local" so far.
    n_nodes : int
        Nodes to start, whose number then stays. Default: n_workers, at least 1, and as many as there are workers later.
    gpu : bool
        Nodes have GPUs; an error when there are none.
    dask_port, http_port : int
        Ports of the scheduler. Default 8786 and 8787.
    launcher : str
        The launcher program. Default TRIREME_LAUNCHER, else `launcher` on PATH.
    silence_logs, asynchronous, loop, security
        As in every Dask cluster.
    location, resource_group, vnet, security_group, public_ingress, vm_size, scheduler_vm_size, vm_image, disk_size, \
bootstrap, auto_shutdown, docker_image, docker_args, extra_bootstrap, subscription_id, marketplace_plan, debug
        Of the cloud; the local provider warns that it ignores them.

    Examples
    --------
    >>> with VMCluster(n_workers=2) as cluster, Client(cluster) as client:  # doctest: +SKIP
    ...     client.submit(sum, [1, 2, 3]).result()
    6
    """

    def __init__(
        self,
        n_workers=0,
        worker_class="distributed.nanny.Nanny",
        worker_options=None,
        worker_module=None,
        scheduler_options=None,
        env_vars=None,
        name=None,
        provider="local",
        n_nodes=None,
        gpu=False,
        dask_port=8786,
        http_port=8787,
        launcher=None,
        silence_logs=False,
        asynchronous=False,
        loop=None,
        security=None,
        **of_cloud,
    ):
        warn_of_ignored(provider, of_cloud, scheduler_options)
        command = Command(launcher)
        count = n_nodes or max(1, n_workers)
        name = name or f"dask-{uuid.uuid4().hex[:8]}"
        # The local provider deals the machine's GPUs out once.
        self._nodes = None if n_nodes or gpu else Nodes(command, name, lambda: len(self.worker_spec))
        worker = {
            "command": command,
            "cluster_name": name,
            "worker_class": worker_class,
            "worker_options": {**fair_share(count), **(worker_options or {})},
            "worker_module": worker_module,
            "env_vars": env_vars or {},
            "nodes": self._nodes,
        }
        scheduler = {
            "command": command,
            "cluster_name": name,
            "options": [
                *("--provider", provider, "--nodes", str(count)),
                *("--dask-port", str(dask_port), "--http-port", str(http_port)),
                *(["--gpu"] if gpu else []),
            ],
        }
        worker = {"cls": LauncherWorker, "options": worker}
        self._command = command
        super().__init__(
            scheduler={"cls": LauncherScheduler, "options": scheduler},
            worker=worker,
            workers={self._new_worker_name(number): worker for number in range(n_workers)},
            name=name,
            security=security,
            silence_logs=silence_logs,
            asynchronous=asynchronous,
            loop=loop,
            shutdown_scheduler=False,  # `launcher down` ends it, with its nodes
        )

    def _new_worker_name(self, worker_number):
        """Texts, which is what a name is to the scheduler."""
        return f"worker-{worker_number}"

    async def _close(self):
        if self._nodes is not None:
            self._nodes.close()
        await super()._close()
        if self.scheduler is not None:
            await self.scheduler.close()

    async def _get_logs(self, cluster=True, scheduler=True, workers=True):
        logs = await super()._get_logs(cluster=cluster, scheduler=False, workers=False) if cluster else Logs()
        if scheduler:
            status = await self._command.call("status", "--name", self.name)
            logs["Scheduler"] = Log(status)
        if workers:
            wanted = None if workers is True else set(workers)
            for name, worker in self.workers.items():
                if wanted is None or name in wanted or self._address_of(name) in wanted:
                    logs[self._address_of(name) or name] = Log(await worker.output())
        return logs

    def _address_of(self, name):
        """The address under which a worker registered; None before it has."""
        found = (a for a, worker in self.scheduler_info["workers"].items() if worker["name"] == name)
        return next(found, None)


class LauncherScheduler(ProcessInterface):
    """`launcher up` and `launcher down`."""

    def __init__(self, command, cluster_name, options):
        super().__init__()
        self.command = command
        self.cluster_name = cluster_name
        self.options = options

    async def start(self):
        up = await self.command.call_for_json("up", "--name", self.cluster_name, *self.options)
        self.address = f"tcp://{up['host']}:{up['ports']['dask']}"
        await super().start()

    async def close(self):
        if self.status != Status.running:
            return
        self.status = Status.closing
        await self.command.call("down", "--name", self.cluster_name)
        await super().close()


class LauncherWorker(ProcessInterface):
    """A run of one rank that is a Dask worker."""

    def __init__(
        self, scheduler, name, command, cluster_name, worker_class, worker_options, worker_module, env_vars, nodes
    ):
        super().__init__()
        self.scheduler_address = scheduler
        self.name = name
        self.command = command
        self.cluster_name = cluster_name
        self.nodes = nodes
        self.run_id = None
        self.environment = [part for key, value in env_vars.items() for part in ("--env", f"{key}={value}")]
        if worker_module:
            self.program = [sys.executable, "-m", worker_module, scheduler, "--name", name]
        else:
            specification = {"cls": worker_class, "opts": {**worker_options, "name": name}}
            self.program = [
                *(sys.executable, "-m", "distributed.cli.dask_spec", scheduler),
                *("--spec", json.dumps(specification)),
            ]

    async def start(self):
        node = await self.nodes.take(self.name) if self.nodes is not None else None
        submitted = await self.command.call_for_json(
            *("submit", "--cluster", self.cluster_name, "--name", f"dask-{self.name}", "-n", "1", "--no-mpi"),
            *(("--node", node) if node else ()),
            *self.environment,
            "--",
            *self.program,
        )
        self.run_id = submitted["run_id"]
        await super().start()

    async def close(self):
        if self.run_id is not None and self.status == Status.running:
            self.status = Status.closing
            try:
                await self.command.call("cancel", "--cluster", self.cluster_name, self.run_id)  # until it has ended
                if self.nodes is not None:
                    await self.nodes.give_back(self.name)
            except LauncherError as error:
                if error.exit_code not in CLUSTER_IS_GONE:
                    raise
        await super().close()

    async def output(self):
        return await self.command.call("logs", "--cluster", self.cluster_name, self.run_id)


def fair_share(nodes):
    """Threads and memory of a worker, where all nodes are on this machine."""
    return {"nthreads": max(1, CPU_COUNT // nodes), "memory_limit": MEMORY_LIMIT // nodes}


def warn_of_ignored(provider, of_cloud, scheduler_options):
    unknown = sorted(set(of_cloud) - set(CLOUD_ONLY))
    if unknown:
        raise TypeError(f"VMCluster() got unexpected arguments: {', '.join(unknown)}")
    if provider != "local":
        raise ValueError(f"there is no provider {provider!r}; there is 'local'")
    ignored = sorted(argument for argument, value in of_cloud.items() if value is not None)
    if scheduler_options:
        ignored.append("scheduler_options (the scheduler is the launcher's)")
    if ignored:
        warnings.warn(f"the local provider ignores {', '.join(ignored)}", UserWarning, stacklevel=3)
