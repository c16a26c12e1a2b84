"""One rank of a PyTorch peer in the train_step benchmark: the GPT of models/gpt2, eager, alone or over gloo: DDP, DDP with
ZeroRedundancyOptimizer, FSDP2, DeepSpeed.

Started by run.py with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set. Rank 0 prints one JSON line:
{"step_ms": [...], "losses": [...], "pss_mib": ..., "all_ranks_pss_mib": ...}.
"""
import argparse
import json
import os
import time

import numpy
import torch
from safetensors.torch import load_file
from torch.nn import functional


class Block(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = torch.nn.LayerNorm(width)
        self.c_attn = torch.nn.Linear(width, 3 * width)
        self.attn_c_proj = torch.nn.Linear(width, width)
        self.ln_2 = torch.nn.LayerNorm(width)
        self.c_fc = torch.nn.Linear(width, 4 * width)
        self.mlp_c_proj = torch.nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
                   for part in self.c_attn(self.ln_1(x)).split(width, dim=2))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_c_proj(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp_c_proj(functional.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt(torch.nn.Module):
    def __init__(self, layers, width, heads, length, vocabulary):
        super().__init__()
        self.wte = torch.nn.Embedding(vocabulary, width)
        self.wpe = torch.nn.Embedding(length, width)
        self.h = torch.nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = torch.nn.LayerNorm(width)

    def forward(self, inputs, targets):
        x = self.wte(inputs) + self.wpe.weight[: inputs.shape[1]]
        for block in self.h:
            x = block(x)
        logits = self.ln_f(x) @ self.wte.weight.T
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))

    def load_hugging_face(self, path):
        """Weights by Hugging Face's GPT-2 names; its Conv1D keeps [in, out], Linear keeps [out, in]."""
        weights = {name.removeprefix("transformer."): value for name, value in load_file(path).items()}
        own = self.state_dict()
        for name, value in own.items():
            theirs = name.replace("c_attn", "attn.c_attn").replace("attn_c_proj", "attn.c_proj") \
                         .replace("mlp_c_proj", "mlp.c_proj").replace("c_fc", "mlp.c_fc")
            loaded = weights[theirs]
            is_linear = value.dim() == 2 and any(part in theirs for part in ("c_attn", "c_proj", "c_fc"))
            value.copy_(loaded.T if is_linear else loaded)
        self.load_state_dict(own)


ADAMW = {"lr": 1e-3, "betas": (0.9, 0.95), "weight_decay": 0.1, "fused": True}


def wrap(system, model):
    """The model and optimizer of a system, each as its documentation sets it up."""
    if system == "torch_single":
        return model, torch.optim.AdamW(model.parameters(), **ADAMW)
    torch.distributed.init_process_group("gloo")
    if system == "fsdp2":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
        for block in model.h:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        return model, torch.optim.AdamW(model.parameters(), **ADAMW)
    parallel = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    if system == "ddp":
        return parallel, torch.optim.AdamW(model.parameters(), **ADAMW)
    from torch.distributed.optim import ZeroRedundancyOptimizer
    return parallel, ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, parameters_as_bucket_view=True, **ADAMW)


class PlainTraining:
    """The usual loop around a model and its optimizer."""

    def __init__(self, system, model):
        self.model, self.optimizer = wrap(system, model)
        self.parameters = list(model.parameters())
        self.keeps_gradients = system in ("ddp", "zero_redundancy")  # views of buckets

    def step(self, inputs, targets):
        self.optimizer.zero_grad(set_to_none=not self.keeps_gradients)
        loss = self.model(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        return loss


class DeepSpeedTraining:
    """The loop of DeepSpeed's engine, with PyTorch's fused AdamW."""

    def __init__(self, stage, model, batch):
        import deepspeed
        deepspeed.init_distributed("gloo", verbose=False)
        config = {"train_micro_batch_size_per_gpu": batch, "gradient_clipping": 1.0, "zero_optimization": {"stage": stage},
                  "steps_per_print": 10**9}
        optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
        self.engine, *_ = deepspeed.initialize(model=model, optimizer=optimizer, config=config)

    def step(self, inputs, targets):
        loss = self.engine(inputs, targets)
        self.engine.backward(loss)
        self.engine.step()
        return loss


def pss_mib():
    with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main():
    parser = argparse.ArgumentParser()
    for name in ("layers", "width", "heads", "batch", "length", "steps", "warmup"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--system", choices=("torch_single", "ddp", "zero_redundancy", "fsdp2", "deepspeed"), required=True)
    parser.add_argument("--zero", type=int, default=0, help="DeepSpeed's stage")
    parser.add_argument("--data", required=True, help="int64 tokens of shape [steps, ranks, batch, length + 1]")
    parser.add_argument("--weights", required=True, help="initial weights, safetensors")
    options = parser.parse_args()

    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    torch.set_num_threads(1)
    model = Gpt(options.layers, options.width, options.heads, options.length, 256)
    model.load_hugging_face(options.weights)
    training = DeepSpeedTraining(options.zero, model, options.batch) if options.system == "deepspeed" else PlainTraining(
        options.system, model)
    tokens = torch.from_numpy(numpy.fromfile(options.data, dtype=numpy.int64)).view(
        -1, world, options.batch, options.length + 1)

    step_ms, losses = [], []
    for step in range(options.warmup + options.steps):
        window = tokens[step, rank]
        start = time.perf_counter()
        loss = training.step(window[:, :-1], window[:, 1:])
        step_ms.append((time.perf_counter() - start) * 1e3)
        if world > 1:
            mean = loss.detach().clone()
            torch.distributed.all_reduce(mean)
            loss = mean / world
        losses.append(loss.item())
    all_pss = torch.zeros(1, dtype=torch.float64)
    if world > 1:
        torch.distributed.barrier()
    all_pss[0] = pss_mib()
    if world > 1:
        torch.distributed.all_reduce(all_pss)
    if rank == 0:
        print(json.dumps({"step_ms": step_ms[options.warmup:], "losses": losses, "pss_mib": pss_mib(),
                          "all_ranks_pss_mib": all_pss.item()}), flush=True)
    os._exit(0)  # gloo's threads sometimes end a process that is leaving


if __name__ == "__main__":
    main()
