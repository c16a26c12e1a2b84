"""DeepSpeed beside the python that has torch: a folder for PYTHONPATH, in the cache."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "collectives"))
from driver.peers import Missing, cache_folder, run_or_miss  # noqa: E402

DEEPSPEED = "deepspeed==0.19.8"
# What it needs beside torch, which is there.
BESIDE = ["hjson", "msgpack", "ninja", "packaging", "psutil", "py-cpuinfo", "pydantic", "tqdm", "einops"]


def folder():
    return cache_folder() / "peers" / f"{DEEPSPEED.replace('==', '-')}-packages"


def environment():
    """What a rank needs to import it and to compute on the CPU."""
    return {"PYTHONPATH": str(folder()), "DS_ACCELERATOR": "cpu",
            "PATH": os.pathsep.join([str(folder() / "bin"), os.environ["PATH"]])}


def install(no_setup):
    """Raises Missing when it is not there and cannot be installed or imported."""
    done = folder() / ".installed"
    if done.exists():
        return
    if no_setup:
        raise Missing(f"DeepSpeed is not in {folder()}; run without --no-setup")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade", "--target", folder()]
    run_or_miss([*pip, *BESIDE], "what DeepSpeed needs cannot be installed")
    # Its set-up asks torch what to compile beforehand: nothing, the CPU's parts are compiled at first use.
    run_or_miss([*pip, "--no-build-isolation", "--no-deps", DEEPSPEED], "DeepSpeed cannot be installed",
                env={**os.environ, "DS_ACCELERATOR": "cpu", "DS_BUILD_OPS": "0"})
    run_or_miss([sys.executable, "-c", "import deepspeed"], "DeepSpeed does not start", env={**os.environ, **environment()})
    done.touch()
