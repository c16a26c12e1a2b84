#!/usr/bin/env bash
# A cluster with a Dask worker on every node: work reaches all nodes, also beside a run; nothing is left when it is down.
# Example: tests/e2e/dask_workers.sh build/dev/bin/launcher /usr/bin/python3
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$1" ''
python=$2
worker="'$python' -m distributed.cli.dask_worker --nthreads 1 --no-dashboard"

# Without dask nothing is started, and the way out is named.
expect_exit 6 env PATH=/nowhere "$launcher" up --nodes 1 --dask --name "$name" --dask-port "$dask_port" --http-port "$http_port"
expect_text "$work/err" "pip install distributed"
[[ ! -e $(record) ]] || fail "something was started"

expect_exit 0 "$launcher" up --nodes 2 --name "$name" --dask-port "$dask_port" --http-port "$http_port" --dask="$worker"
expect_text "$work/err" "a Dask worker is starting on every node"
pids=$(cluster_pids)

expect_exit 0 timeout 100 "$python" - "tcp://127.0.0.1:$dask_port" <<'PYTHON'
import os, sys
from distributed import Client

with Client(sys.argv[1], timeout=30) as client:
    client.wait_for_workers(2, timeout=60)
    nodes = client.run(lambda: os.environ["TRIREME_NODE"])
    print("nodes", sorted(nodes.values()))
    names = {worker["name"] for worker in client.scheduler_info()["workers"].values()}
    print("names", sorted(names))
    squares = client.map(lambda x: x * x, range(100))
    print("sum", client.submit(sum, squares).result(timeout=30))
    on_node1 = client.submit(lambda: os.environ["TRIREME_NODE"], workers="node1", pure=False)
    print("placed", on_node1.result(timeout=30))
PYTHON
expect_text "$work/out" "nodes ['node0', 'node1']"
expect_text "$work/out" "names ['node0', 'node1']"
expect_text "$work/out" "sum 328350"
expect_text "$work/out" "placed node1"

# A worker that is killed, with its nanny, is started again; the other one goes on.
expect_exit 0 timeout 100 "$python" - "tcp://127.0.0.1:$dask_port" <<'PYTHON'
import os, signal, sys, time
from distributed import Client

def pids(client):
    return {worker["name"]: address for address, worker in client.scheduler_info()["workers"].items()}

with Client(sys.argv[1], timeout=30) as client:
    before = pids(client)
    kept = client.submit(os.getpid, workers="node1", pure=False)
    pid = kept.result(timeout=30)
    client.run(lambda: os.kill(os.getppid(), signal.SIGKILL), workers=[before["node0"]], on_error="ignore")
    deadline = time.monotonic() + 60
    while pids(client).get("node0") in (None, before["node0"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    after = pids(client)
    print("again", sorted(after), after["node0"] != before["node0"], after["node1"] == before["node1"])
    print("kept", kept.result(timeout=30) == pid, client.submit(os.getpid, workers="node0").result(timeout=30) > 0)
PYTHON
expect_text "$work/out" "again ['node0', 'node1'] True True"
expect_text "$work/out" "kept True True"

# README's way in, as it stands but for the port.
# shellcheck disable=SC2016
awk '/^```python$/ { block = ""; inside = 1; next } /^```$/ { if (inside && block ~ /8786/) printf "%s", block; inside = 0 }
  inside { block = block $0 "\n" }' "$(dirname "$0")/../../README.md" | sed "s/8786/$dask_port/" >"$work/readme.py"
grep -q Client "$work/readme.py" || fail "README has no Dask client"
expect_exit 0 timeout 60 "$python" "$work/readme.py"
expect_text "$work/out" 332833500
expect_text "$work/out" "'name': 'node1'"

# Ranks run beside the workers, which are a run like any other.
expect_exit 0 "$launcher" run --cluster "$name" -n 2 -- /bin/echo beside
expect_text "$work/out" "[1] beside"
expect_exit 0 "$launcher" runs --cluster "$name"
expect_text "$work/out" "dask-workers"

expect_exit 0 "$launcher" down --name "$name"
wait_for 20 bash -c "[[ -z \$(pgrep -f -- '--name node[01]') ]]"
# shellcheck disable=SC2086
expect_nothing_left $pids
