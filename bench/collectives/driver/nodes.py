"""Nodes on one machine: network namespaces on a switch, with links of a chosen speed."""
import os
import pathlib
import shutil
import subprocess

from .peers import Missing

DELAY_MS = 0.1
# What the kernel hands over in one piece passes a token bucket at once, so pieces are small for slow links.
PIECE_BYTES = 16384
SUBNET = "10.231.77"
STORE_PORT = 29500  # on node 0, for ranks of Trireme


def run(*words):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Missing(f"'{' '.join(map(str, words))}' failed: {result.stderr.strip()}")


def need_nodes():
    """Missing, with the reason, where no namespaces can be made."""
    if os.geteuid() != 0:
        raise Missing("network namespaces need root")
    for tool in ("ip", "tc", "unshare"):
        if not shutil.which(tool):
            raise Missing(f"'{tool}' is not installed (iproute2, util-linux)")


class Nodes:
    """`count` namespaces, each linked to one switch (a bridge in a namespace of its own). A context manager.

    Node i has the address .(i+1). `folder` takes the temporary files of the nodes and the script by which mpirun starts
    its daemons on them. Nothing outside the namespaces changes.
    """

    def __init__(self, count, folder):
        self.count, self.folder = count, pathlib.Path(folder)
        self.prefix = f"trb{os.getpid()}"
        self.switch = f"{self.prefix}-switch"
        self.has_delay = False

    def name(self, node):
        return f"{self.prefix}-{node}"

    def address(self, node):
        return f"{SUBNET}.{node + 1}"

    def __enter__(self):
        self.folder.mkdir()
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _make(self):
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "address", "add", f"{SUBNET}.254/24", "dev", "br0")
        for device in ("br0", "lo"):
            run("ip", "-n", self.switch, "link", "set", device, "up")
        for node in range(self.count):
            name, port = self.name(node), f"port{node}"
            run("ip", "netns", "add", name)
            run("ip", "-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "-n", self.switch, "link", "set", port, "master", "br0", "up")
            run("ip", "-n", name, "address", "add", f"{self.address(node)}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                run("ip", "-n", name, "link", "set", device, "up")
            # Before anybody connects: a connection keeps the size it finds, and what is larger than its device takes is
            # cut into single packets on every link it passes.
            for namespace, device in ((name, "eth0"), (self.switch, port)):
                run("ip", "-n", namespace, "link", "set", "dev", device, "gso_max_size", PIECE_BYTES)
            self._keep_flows_in_order(name, "eth0")
            self._keep_flows_in_order(self.switch, port)
            (self.folder / f"tmp{node}").mkdir()
        agent = self.folder / "remote-start"
        # A host name each: Open MPI's shared memory segments are named by it.
        agent.write_text("#!/bin/sh\n# mpirun's remote-start agent: ADDRESS COMMAND…\naddress=$1\nshift\n"
                         "node=$((${address##*.} - 1))\n"
                         f"export TMPDIR={self.folder}/tmp$node\n"
                         f"exec ip netns exec {self.prefix}-$node unshare --uts sh -c \"hostname node$node; $*\"\n",
                         encoding="utf-8")
        agent.chmod(0o755)
        self.agent = agent

    @staticmethod
    def _keep_flows_in_order(namespace, device):
        """One core receives a connection's packets, as network cards see to it. Without that packets that a timer sent from
        another core overtake each other, and TCP takes them for lost."""
        cores = f"{(1 << min(os.cpu_count() or 1, 32)) - 1:x}"
        path = f"/sys/class/net/{device}/queues/rx-0/rps_cpus"
        run("ip", "netns", "exec", namespace, "sh", "-c", f"[ ! -e {path} ] || echo {cores} > {path}")

    def _remove(self):
        for name in (self.switch, *map(self.name, range(self.count))):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def shape(self, gbit_s):
        """Sets the speed of every link in both directions; None: as fast as the kernel goes."""
        for node in range(self.count):
            for namespace, device in ((self.name(node), "eth0"), (self.switch, f"port{node}")):
                self._shape_link(namespace, device, gbit_s)

    def _shape_link(self, namespace, device, gbit_s):
        subprocess.run(["tc", "-n", namespace, "qdisc", "delete", "dev", device, "root"], capture_output=True, check=False)
        if gbit_s is None:
            return
        try:
            run("tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "netem", "rate", f"{gbit_s}gbit",
                "delay", f"{DELAY_MS / 2}ms", "limit", "20000")
            self.has_delay = True
        except Missing:  # a kernel without netem: the speed alone
            # A link loses speed whenever its timer is later than the time a burst takes.
            run("tc", "-n", namespace, "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{gbit_s}gbit",
                "burst", (2 if gbit_s <= 5 else 8) * PIECE_BYTES, "limit", "16mb")

    def place(self, gbit_s):
        """What rows measured here say about it."""
        delay = DELAY_MS if self.has_delay and gbit_s is not None else 0
        return {"nodes": self.count, "gbit_s": gbit_s, "delay_ms": delay}

    def open_mpi_command(self, mpirun, per_node, command):
        """(command, environment) of an Open MPI 4 over the nodes, by slot: rank r is on node r // per_node."""
        hosts = ",".join(f"{self.address(node)}:{per_node}" for node in range(self.count))
        options = {"plm_rsh_agent": self.agent, "oob_tcp_if_include": f"{SUBNET}.0/24",
                   "btl_tcp_if_include": f"{SUBNET}.0/24", "mpi_yield_when_idle": "1"}
        settings = [word for key, value in options.items() for word in ("--mca", key, value)]
        settings += ["-x", f"MASTER_ADDR={self.address(0)}", "-x", f"MASTER_PORT={STORE_PORT}"]
        environment = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1",
                       "TMPDIR": str(self.folder)}
        return ["ip", "netns", "exec", self.switch, mpirun, *settings, "--bind-to", "none", "--map-by", "slot", "--host",
                hosts, "-np", self.count * per_node, *command], environment

    def rank_commands(self, per_node, command):
        """(command, environment) of every rank, started without MPI; rank 0 serves the store on node 0."""
        ranks = self.count * per_node
        return [(["ip", "netns", "exec", self.name(rank // per_node), *command],
                 {"RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank % per_node),
                  "LOCAL_WORLD_SIZE": str(per_node), "GROUP_RANK": str(rank // per_node), "OMP_NUM_THREADS": "1",
                  "MASTER_ADDR": self.address(0), "MASTER_PORT": str(STORE_PORT), "TRIREME_NODE": f"node{rank // per_node}"})
                for rank in range(ranks)]


def wire_row(operation, size, ranks, place):
    """The least time that the links allow: 2(n-1)/n of the bytes through each node's link. All_reduce only."""
    nodes = place["nodes"]
    microseconds = 2 * (nodes - 1) / nodes * size * 8 / (place["gbit_s"] * 1e3)
    algbw = size / microseconds / 1e3
    return {"system": "wire", "op": operation, "bytes": size, "ranks": ranks, **place, "buffer": "foreign",
            "median_us": round(microseconds, 3), "p90_us": round(microseconds, 3), "algbw_gb_s": round(algbw, 4),
            "busbw_gb_s": round(algbw * 2 * (ranks - 1) / ranks, 4), "samples": 0, "wrong": 0}
