"""What the peers need: found on the system, or installed into the cache folder."""
import os
import pathlib
import shutil
import subprocess
import sys

from .operations import cores

HERE = pathlib.Path(__file__).resolve().parent.parent


class Missing(Exception):
    """A system cannot be measured here; the text says why and what would change it."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("TRIREME_CACHE") or pathlib.Path(base) / "trireme")


def need(path, remedy):
    if not path.exists():
        raise Missing(f"{path} is not there; run: {remedy}")
    return path


def python_with_torch():
    """The python that scripts/setup --tests made, or the one that runs this if it has torch."""
    candidates = [os.environ.get("TRIREME_PYTHON"), cache_folder() / "python-cuda/bin/python",
                  cache_folder() / "python-cpu/bin/python", sys.executable]
    for python in candidates:
        if python and pathlib.Path(python).exists():
            found = subprocess.run([python, "-c", "import importlib.util as u; assert u.find_spec('torch')"],
                                   capture_output=True, check=False)
            if found.returncode == 0:
                return python
    raise Missing("no python with torch was found; run scripts/setup --tests")


def open_mpi(name):
    """(mpirun, compiler wrapper) of an Open MPI."""
    mpirun, wrapper = shutil.which("mpirun.openmpi"), shutil.which("mpicxx.openmpi")
    if not mpirun or not wrapper:
        raise Missing("Open MPI 4.1 is not installed (libopenmpi-dev, openmpi-bin)")
    return mpirun, wrapper


def open_mpi_command(mpirun, ranks, command):
    """(command, environment) of an mpirun that leaves pinning to the ranks, which all systems do alike."""
    environment = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
    if ranks > len(cores()):
        environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
    return [mpirun, "--oversubscribe", "--bind-to", "none", "-np", ranks, *command], environment


def compile_mpi_rank(name, wrapper, build):
    """The rank program of an MPI library, compiled anew when a source is newer. Returns its path."""
    sources = sorted((HERE / "measure").glob("*.cc")) + [HERE / "mpi" / "mpi_rank.cc"]
    program = pathlib.Path(build) / "bench" / "mpi" / f"{name}_rank"
    inputs = sources + sorted((HERE / "measure").glob("*.h"))
    if program.exists() and all(source.stat().st_mtime < program.stat().st_mtime for source in inputs):
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    result = subprocess.run([wrapper, "-std=c++20", "-O3", "-DOMPI_SKIP_MPICXX", "-DMPICH_SKIP_MPICXX", "-o", program,
                             *sources], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Missing(f"{wrapper} does not compile the rank program:\n{result.stderr[-2000:]}")
    return program
