"""Runs the collectives benchmark on small sizes and looks at what it writes: schema, results, pictures."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELDS = {"system": str, "op": str, "bytes": int, "ranks": int, "nodes": int, "buffer": str, "median_us": float,
          "p90_us": float, "busbw_gb_s": float, "wrong": int}
OPERATIONS = {"all_reduce", "reduce_scatter", "all_gather", "broadcast", "reduce", "gather", "scatter", "all_to_all",
              "send_receive", "barrier"}


def check(claim, text):
    if not claim:
        sys.exit(f"collectives_smoke: {text}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "out.json"
        subprocess.run([sys.executable, ROOT / "bench/collectives/run.py", "--build", options.build, "--no-setup", "--quick",
                        "--ranks", "2,3", "--sizes", "8,4K,100K", "--rounds", "1", "--seconds", "0.005", "--systems",
                        "trireme,roof", "--json", output], check=True, timeout=100)
        report = json.loads(output.read_text())
        for name in ("out-2-ranks.png", "out-3-ranks.png"):
            check((output.parent / name).stat().st_size > 10_000, f"{name} is no picture")
    rows = report["rows"]
    for row in rows:
        for field, kind in FIELDS.items():
            check(isinstance(row[field], kind), f"{field} is not of {kind} in {row}")
        check(row["wrong"] == 0 and row["p90_us"] >= row["median_us"] > 0, f"not to be believed: {row}")
    for ranks in (2, 3):
        ours = {(row["op"], row["buffer"]) for row in rows if row["ranks"] == ranks and row["system"] == "trireme"}
        wanted = {(op, buffer) for op in OPERATIONS - {"barrier"} for buffer in ("arena", "foreign")}
        check(wanted | {("barrier", "arena")} == ours, f"rows of {ranks} ranks: {sorted(ours)}")
    check({row["op"] for row in rows if row["system"] == "roof"} == {"all_reduce", "reduce_scatter", "all_gather"},
          "the roof's operations")
    check(any(target["met"] is not None for target in report["targets"]), "no target was judged")


if __name__ == "__main__":
    main()
