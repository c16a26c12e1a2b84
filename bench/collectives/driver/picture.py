"""Pictures of time against size, one line a system, a panel an operation."""
from .operations import OPERATIONS, show_size
from .table import place_of, show_place

LOOKS = {  # colour, line, width
    ("trireme", "arena"): ("#0b6e99", "-", 2.4), ("trireme", "foreign"): ("#4aa8cf", "--", 1.8),
    ("roof", "arena"): ("#222222", ":", 1.6), ("wire", "foreign"): ("#222222", ":", 1.6),
    ("openmpi4", "foreign"): ("#c8553d", "-", 1.2), ("openmpi5", "foreign"): ("#e09f3e", "-", 1.2),
    ("mpich5", "foreign"): ("#6a994e", "-", 1.2), ("gloo", "foreign"): ("#8e7dbe", "-", 1.2),
    ("deepspeed", "foreign"): ("#b56576", "-", 1.2),
}
NAMES = {("trireme", "arena"): "Trireme, arena", ("trireme", "foreign"): "Trireme, foreign", ("roof", "arena"): "memory roof",
         ("wire", "foreign"): "wire limit", ("openmpi4", "foreign"): "Open MPI 4.1", ("openmpi5", "foreign"): "Open MPI 5",
         ("mpich5", "foreign"): "MPICH 5", ("gloo", "foreign"): "gloo (torch)", ("deepspeed", "foreign"): "DeepSpeed shm"}


def show_time(us, _=None):
    return f"{us / 1e6:g} s" if us >= 1e6 else f"{us / 1e3:g} ms" if us >= 1e3 else f"{us:g} us"


def draw_panel(axis, rows, title):
    for lane, (color, style, width) in LOOKS.items():
        points = sorted((r["bytes"], r["median_us"]) for r in rows if (r["system"], r["buffer"]) == lane)
        if points:
            axis.plot(*zip(*points), color=color, linestyle=style, linewidth=width, marker="o", markersize=2.2,
                      label=NAMES[lane])
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter(lambda size, _: show_size(int(size)))
    axis.yaxis.set_major_formatter(show_time)
    axis.grid(True, which="major", color="#e4e7e9", linewidth=0.6)
    axis.tick_params(labelsize=7)
    axis.tick_params(axis="x", labelrotation=30)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(title, fontsize=9, loc="left")


def draw_place(rows, title, path):
    """One picture: the operations of one number of ranks in one place."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    shown = [op for op in OPERATIONS if op != "barrier" and any(r["op"] == op for r in rows)]
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    size = (7.2, 4.8) if len(shown) == 1 else (4.2 * columns, 3.0 * lines + 0.9)
    figure, axes = pyplot.subplots(lines, columns, figsize=size, squeeze=False)
    for axis in axes.flat[len(shown):]:
        axis.set_visible(False)
    for axis, operation in zip(axes.flat, shown):
        draw_panel(axis, [r for r in rows if r["op"] == operation], operation)
    entries = {}
    for axis in axes.flat[:len(shown)]:
        entries.update(zip(*reversed(axis.get_legend_handles_labels())))
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.tight_layout(rect=(0, 0.07 if lines < 3 else 0.05, 1, 0.99))
    figure.legend(entries.values(), entries.keys(), loc="lower center", ncols=5, fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def draw(rows, path):
    """A picture for each number of ranks and nodes beside `path`, named after it. Returns their paths."""
    places = dict.fromkeys(place_of(r) for r in rows if r["op"] != "barrier")
    written = []
    for ranks, nodes, gbit_s in places:
        mine = [r for r in rows if place_of(r) == (ranks, nodes, gbit_s)]
        name = f"{path.stem}-{ranks}-ranks"
        if nodes > 1:
            name += f"-{nodes}-nodes-" + (f"{gbit_s:g}-gbit" if gbit_s else "not-limited")
        written.append(path.with_name(name + ".png"))
        draw_place(mine, f"Time of an operation, {show_place(ranks, nodes, gbit_s)} (median)", written[-1])
    return written
