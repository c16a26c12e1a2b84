#!/usr/bin/env bash
# A cluster with a Dask worker on every node: work reaches all nodes, also beside a run, workers come and go with the nodes, and
# nothing is left when it is down.
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

# Nodes that come later get a worker too. One whose node leaves hands over what only it has, without computing it again; the
# others, and what runs beside them, go on.
expect_exit 0 "$launcher" scale 3 --cluster "$name"
cat >"$work/client.py" <<'PYTHON'
import os, pathlib, sys, time
from distributed import Client, wait

counts = pathlib.Path(sys.argv[3])

def square(x):
    with open(counts, "a") as file:
        file.write("once ")
    return x * x

def addresses(client):
    return {worker["name"]: address for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()}

def until_there_are(client, names):
    deadline = time.monotonic() + 60
    while sorted(addresses(client)) != names:
        if time.monotonic() > deadline:
            sys.exit(f"instead of {names}: {sorted(addresses(client))}")
        time.sleep(0.05)

def pids(client):
    return {client.submit(lambda: (os.environ["TRIREME_NODE"], os.getpid()), workers=name, pure=False).result(timeout=30)
            for name in ("node0", "node1")}

with Client(sys.argv[1], timeout=30) as client:
    until_there_are(client, ["node0", "node1", "node2"])
    results = client.map(square, range(20), workers="node2", allow_other_workers=True, pure=False)
    wait(results, timeout=60)
    total = client.submit(sum, results, workers="node2", allow_other_workers=True)
    total.result(timeout=30)
    held = {str(key) for key in client.has_what([addresses(client)["node2"]]).popitem()[1]}
    print("held there", held >= {str(future.key) for future in [*results, total]})
    before = pids(client)
    pathlib.Path(sys.argv[2]).touch()
    until_there_are(client, ["node0", "node1"])
    print("same processes", pids(client) == before)
    print("results", client.gather(results) == [x * x for x in range(20)], total.result(timeout=30))
    print("executions", counts.read_text().split().count("once"))
PYTHON
"$launcher" submit --cluster "$name" -n 1 --node node0 -- /bin/sleep 300 >"$work/beside" 2>/dev/null || fail "submit"
timeout 150 "$python" "$work/client.py" "tcp://127.0.0.1:$dask_port" "$work/ready" "$work/counts" >"$work/client" 2>&1 &
client=$!
wait_for 120 test -e "$work/ready" -o ! -e "/proc/$client"
expect_exit 0 "$launcher" scale 2 --cluster "$name"
expect_text "$work/err" "node2 is gone"
wait $client || { cat "$work/client" >&2 && fail "the client"; }
expect_text "$work/client" "held there True"
expect_text "$work/client" "same processes True"
expect_text "$work/client" "results True 2470"
expect_text "$work/client" "executions 20"
expect_exit 0 "$launcher" runs show --cluster "$name" "$(cat "$work/beside")"
expect_text "$work/out" "running"
expect_exit 0 "$launcher" cancel --cluster "$name" "$(cat "$work/beside")"

# A node that is lost and comes back has a worker again.
agent=$("$python" -c "
import json, sys
print(next(p['pid'] for p in json.load(open(sys.argv[1]))['processes'] if p['role'] == 'node1'))" "$(record)")
states() { "$launcher" status --name "$name" --json | "$python" -c "
import json, sys
print(*[node['state'] for node in json.load(sys.stdin)['nodes']])"; }
are() { [[ $(states) == "$1" ]]; }
cat >"$work/worker.py" <<'PYTHON'
import sys, time
from distributed import Client

with Client(sys.argv[1], timeout=30) as client:  # the address of node1's worker, once it is another than that given
    deadline = time.monotonic() + 60
    found = None
    while found in (None, *sys.argv[2:]) and time.monotonic() < deadline:
        found = {worker["name"]: at for at, worker in client.scheduler_info()["workers"].items()}.get("node1")
        time.sleep(0.05)
    print(found)
PYTHON
expect_exit 0 "$python" "$work/worker.py" "tcp://127.0.0.1:$dask_port"
before=$(cat "$work/out")
kill -STOP "$agent"
wait_for 20 are "up lost"
kill -CONT "$agent"
wait_for 20 are "up up"
expect_exit 0 "$python" "$work/worker.py" "tcp://127.0.0.1:$dask_port" "$before"
[[ $(cat "$work/out") == tcp://* && $(cat "$work/out") != "$before" ]] || fail "node1 should have another worker than $before"

# Workers end with a scheduler that is killed; the next one has others, and one on each node.
cat >"$work/wait.py" <<'PYTHON'
import sys
from distributed import Client

with Client(sys.argv[1], timeout=30) as client:
    client.wait_for_workers(2, timeout=60)
    print("names", sorted(worker["name"] for worker in client.scheduler_info()["workers"].values()))
PYTHON
kill -KILL "$(cluster_pids | head -n 1)"
rm -r "$TMPDIR"/trireme-dask-* # of the Python that opens graphs; whoever is killed removes nothing
expect_exit 0 "$launcher" up --name "$name" --dask="$worker"
expect_exit 0 "$python" "$work/wait.py" "tcp://127.0.0.1:$dask_port"
expect_text "$work/out" "names ['node0', 'node1']"
pids=$(cluster_pids)
"$launcher" runs --cluster "$name" --json | "$python" -c "
import json, sys
print('active', [run['name'] for run in json.load(sys.stdin) if not run['ended']])" >"$work/out"
expect_text "$work/out" "active ['dask-worker', 'dask-worker']"

# README's way in, as it stands but for the port.
# shellcheck disable=SC2016
awk '/^```python$/ { block = ""; inside = 1; next } /^```$/ { if (inside && block ~ /8786/) printf "%s", block; inside = 0 }
  inside { block = block $0 "\n" }' "$(dirname "$0")/../../README.md" | sed "s/8786/$dask_port/" >"$work/readme.py"
grep -q Client "$work/readme.py" || fail "README has no Dask client"
expect_exit 0 timeout 60 "$python" "$work/readme.py"
expect_text "$work/out" 332833500
expect_text "$work/out" "'name': 'node1'"

# Ranks run beside the workers, which are runs like any other.
expect_exit 0 "$launcher" run --cluster "$name" -n 2 -- /bin/echo beside
expect_text "$work/out" "[1] beside"
expect_exit 0 "$launcher" runs --cluster "$name"
expect_text "$work/out" "dask-worker"

expect_exit 0 "$launcher" down --name "$name"
wait_for 20 bash -c "[[ -z \$(pgrep -f -- '--name node[01]') ]]"
# shellcheck disable=SC2086
expect_nothing_left $pids
