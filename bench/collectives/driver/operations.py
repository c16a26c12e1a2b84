"""What is measured: operations, sizes, and the bandwidths that nccl-tests defines."""
import os

OPERATIONS = ("all_reduce", "reduce_scatter", "all_gather", "broadcast", "reduce", "gather", "scatter", "all_to_all",
              "send_receive", "barrier")
BLOCKWISE = ("reduce_scatter", "all_gather", "gather", "scatter", "all_to_all")
ELEMENT_BYTES = 4  # every operation is on floats
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text):
    """'64K' -> 65536. ValueError for anything else than a number with K, M or G."""
    number, unit = text.strip().upper().removesuffix("IB"), ""
    if number and number[-1] in "KMG":
        number, unit = number[:-1], number[-1]
    size = int(number) * UNITS[unit]
    if size < ELEMENT_BYTES or size % ELEMENT_BYTES:
        raise ValueError(f"{text} is not a multiple of {ELEMENT_BYTES} bytes")
    return size


def show_size(size):
    """65536 -> '64 KiB'."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size // factor} {unit}" if size % factor == 0 else f"{size / factor:.1f} {unit}"
    return f"{size} B"


def fitting_size(operation, size, ranks):
    """The size as it is run: blockwise operations cut it into equal blocks, at least one element a rank."""
    if operation == "barrier":
        return 0
    if operation not in BLOCKWISE:
        return size
    step = ELEMENT_BYTES * ranks
    return max(step, size // step * step)


def bus_factor(operation, ranks):
    """busbw = algbw times this: nccl-tests' doc/PERFORMANCE.md."""
    if operation == "all_reduce":
        return 2 * (ranks - 1) / ranks
    if operation in BLOCKWISE:
        return (ranks - 1) / ranks
    return 1.0


def cores():
    return sorted(os.sched_getaffinity(0))
