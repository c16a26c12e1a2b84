"""The printed table: one line a size, one column a system."""
from .operations import show_size


def lane(r):
    return r["system"] if r["buffer"] != "arena" or r["system"] == "roof" else f"{r['system']}/arena"


def show_time(us):
    if us >= 10000:
        return f"{us / 1000:.1f} ms"
    return f"{us:.0f} us" if us >= 100 else f"{us:.2f} us"


def place_of(r):
    return r["ranks"], r["nodes"], r.get("gbit_s")


def show_place(ranks, nodes, gbit_s):
    if nodes == 1:
        return f"{ranks} ranks"
    return f"{ranks} ranks on {nodes} nodes, " + (f"{gbit_s:g} Gbit/s" if gbit_s else "links not limited")


def print_tables(rows):
    """Times, and how many times faster the first column is than the best of the peers (roof excluded)."""
    for operation, place in dict.fromkeys((r["op"], place_of(r)) for r in rows):
        shown = [r for r in rows if (r["op"], place_of(r)) == (operation, place)]
        lanes = list(dict.fromkeys(lane(r) for r in shown))
        where = show_place(*place)
        print(f"\n{operation}, {where}: median of an operation")
        print(f"{'bytes':>10}" + "".join(f"{name:>16}" for name in lanes) + f"{'busbw GB/s':>12}{'x best peer':>17}{'wrong':>7}")
        for size in dict.fromkeys(r["bytes"] for r in shown):
            by_lane = {lane(r): r for r in shown if r["bytes"] == size}
            peers = [r["median_us"] for r in by_lane.values() if r["system"] not in ("trireme", "roof", "wire")]
            ours = [r for r in by_lane.values() if r["system"] == "trireme"]
            ratio = f"{min(peers) / ours[0]['median_us']:.2f}x" if peers and ours else ""
            if peers and len(ours) > 1:
                ratio += f" {min(peers) / ours[1]['median_us']:.2f}x"
            busbw = f"{ours[0]['busbw_gb_s']:.2f}" if ours else ""
            wrong = sum(r["wrong"] for r in by_lane.values())
            print(f"{show_size(size):>10}" + "".join(
                f"{show_time(by_lane[name]['median_us']) if name in by_lane else '':>16}" for name in lanes)
                + f"{busbw:>12}{ratio:>17}{wrong:>7}")
