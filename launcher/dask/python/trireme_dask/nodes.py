"""Which worker is on which node of a cluster that has as many nodes as workers."""

import asyncio


class Nodes:
    """Gives every worker a node of its own. The cluster grows when none is free, and shrinks when more are than needed.

    `wanted` says how many workers there are to be. Only nodes that run nothing leave, so nobody waits for the runs of
    others; one always stays.
    """

    def __init__(self, command, cluster_name, wanted):
        self._command = command
        self._cluster_name = cluster_name
        self._wanted = wanted
        self._taken = {}  # node by worker
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def take(self, worker):
        """The name of a node for this worker; None when only nodes are left that take no ranks."""
        async with self._lock:
            self._taken.pop(worker, None)  # one that is started again
            free = self._free(await self._status())
            if not free:
                await self._scale(max(self._wanted(), len(self._taken) + 1))
                free = self._free(await self._status())
            if not free:
                return None
            self._taken[worker] = min(free, key=lambda node: node["ranks"])["name"]
            return self._taken[worker]

    async def give_back(self, worker):
        """This worker has ended."""
        async with self._lock:
            self._taken.pop(worker, None)
            if self._is_closed:
                return
            nodes = await self._status()
            idle = sum(node["ranks"] == 0 for node in self._free(nodes))
            too_many = len(nodes) - max(1, self._wanted(), len(self._taken))
            if min(idle, too_many) > 0:
                await self._scale(len(nodes) - min(idle, too_many))

    def close(self):
        """From now on no node leaves: the whole cluster is about to."""
        self._is_closed = True

    def _free(self, nodes):
        return [node for node in nodes if node["state"] == "up" and node["name"] not in self._taken.values()]

    async def _status(self):
        status = await self._command.call_for_json("status", "--name", self._cluster_name)
        return [node for node in status["nodes"] if node["state"] not in ("lost", "down")]

    async def _scale(self, count):
        await self._command.call("scale", "--cluster", self._cluster_name, str(count))
