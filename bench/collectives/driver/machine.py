"""What the numbers were measured on."""
import os
import pathlib
import platform

from .operations import cores


def describe_machine():
    """{"processor", "cores", "caches", "kernel", "load"}; what the system does not tell is left out."""
    found = {"cores": len(cores()), "kernel": platform.release().split("-")[0], "load": round(os.getloadavg()[0], 2)}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "cpu family", "model"):
            found.setdefault(key.strip().replace("model name", "processor"), value.strip())
    caches = pathlib.Path(f"/sys/devices/system/cpu/cpu{cores()[0]}/cache")
    found["caches"] = {f"L{(index / 'level').read_text().strip()}": (index / "size").read_text().strip()
                       for index in sorted(caches.glob("index*")) if (index / "type").read_text().strip() != "Instruction"}
    return found
