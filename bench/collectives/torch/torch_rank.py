"""One rank of torch.distributed's gloo, or of DeepSpeed's shared memory, in the collectives benchmark. Started by run.py.

The measuring loop is the one of every other system (libbench_collectives_measure.so); it calls back for each operation.
"""
import argparse
import ctypes
import importlib.util
import os
import sys
import traceback

OPERATIONS = ("all_reduce", "reduce_scatter", "all_gather", "broadcast", "reduce", "gather", "scatter", "all_to_all",
              "send_receive", "barrier")
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)


class Gloo:
    def __init__(self, torch, rank, ranks):
        self.torch, self.rank, self.ranks = torch, rank, ranks
        self.prepared, self.key = None, None

    def tensor(self, address, count):
        """The `count` floats at an address, not copied."""
        if not address or not count:
            return self.torch.empty(0)
        return self.torch.frombuffer((ctypes.c_float * count).from_address(address), dtype=self.torch.float32)

    def prepare(self, name, count, source, target):
        """A function of no arguments that runs the operation: tensors and lists are made once for many calls."""
        distributed, root, block = self.torch.distributed, self.rank == 0, count // self.ranks
        if name == "barrier":
            return distributed.barrier
        if name in ("all_reduce", "broadcast", "reduce"):
            buffer = self.tensor(source, count)
            arguments = () if name == "all_reduce" else (0,)
            return lambda: getattr(distributed, name)(buffer, *arguments)
        if name == "reduce_scatter":
            whole, own = self.tensor(source, count), self.tensor(target, block)
            return lambda: distributed.reduce_scatter_tensor(own, whole)
        if name == "all_gather":
            own, whole = self.tensor(source, block), self.tensor(target, count)
            return lambda: distributed.all_gather_into_tensor(whole, own)
        if name == "gather":
            own, blocks = self.tensor(source, block), list(self.tensor(target, count).split(block)) if root else None
            return lambda: distributed.gather(own, blocks, 0)
        if name == "scatter":
            blocks, own = list(self.tensor(source, count).split(block)) if root else None, self.tensor(target, block)
            return lambda: distributed.scatter(own, blocks, 0)
        whole, received = self.tensor(source, count), self.tensor(target, count)
        if name == "all_to_all":
            return lambda: distributed.all_to_all_single(received, whole)
        return lambda: self.send_and_receive(whole, received)

    def send_and_receive(self, whole, received):
        distributed = self.torch.distributed
        works = [distributed.irecv(received, (self.rank - 1) % self.ranks), distributed.isend(whole, (self.rank + 1) % self.ranks)]
        for work in works:
            work.wait()

    def run(self, operation, count, source, target):
        try:
            if self.key != (operation, count, source, target):
                self.key = (operation, count, source, target)
                self.prepared = self.prepare(OPERATIONS[operation], count, source, target)
            self.prepared()
            return 0
        except Exception:
            traceback.print_exc()
            return 1


class DeepSpeed(Gloo):
    """DeepSpeed's shared-memory allreduce, its one operation; gloo only brings the ranks together."""

    def __init__(self, torch, rank, ranks, extension):
        super().__init__(torch, rank, ranks)
        spec = importlib.util.spec_from_file_location("deepspeed_shm_comm", extension)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if module.vector_kernel_level() < 1:
            sys.exit("DeepSpeed's fp32 kernels need AVX2, which this processor lacks")
        module.initialize(ranks, rank)
        torch.distributed.barrier()

    def prepare(self, name, count, source, target):
        buffer = self.tensor(source, count)
        return lambda: self.torch.ops.deepspeed.inference_all_reduce_(buffer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--deepspeed", help="DeepSpeed's built extension; without it gloo is measured")
    for name in ("--library", "--socket", "--page"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if options.deepspeed:
        # Before torch starts threads. Not gloo: its own thread moves the data, and bound to the caller's core it takes 3 to
        # 8 times as long.
        cores = sorted(os.sched_getaffinity(0))
        if ranks <= len(cores):
            os.sched_setaffinity(0, {cores[rank]})
    import torch
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    library = ctypes.CDLL(options.library)
    system = DeepSpeed(torch, rank, ranks, options.deepspeed) if options.deepspeed else Gloo(torch, rank, ranks)
    callback = CALLBACK(system.run)
    code = library.trireme_bench_serve(options.socket.encode(), options.page.encode(), rank, ranks, callback)
    torch.distributed.destroy_process_group()
    sys.exit(code)


if __name__ == "__main__":
    main()
