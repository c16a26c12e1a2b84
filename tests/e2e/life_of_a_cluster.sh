#!/usr/bin/env bash
# A cluster's whole life: up, a run, a rank that is killed, down; and what users do wrong on the way.
# Example: tests/e2e/life_of_a_cluster.sh build/dev/bin/launcher build/dev/tests/ring_program
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$@"

expect_exit 3 "$launcher" status --name "$name"
expect_text "$work/err" "launcher up"

up 4 >"$work/up" || fail "up"
expect_text "$work/up" "cluster $name is up: 4 nodes"
pids=$(cluster_pids)
[[ $(wc -l <<<"$pids") -eq 5 ]] || fail "a scheduler and four agents were expected"

expect_exit 4 "$launcher" up --nodes 4 --name "$name"
expect_text "$work/err" "already up"
expect_text "$work/err" "launcher run"
expect_exit 6 "$launcher" up --nodes 1 --name second --dask-port "$dask_port" --http-port "$http_port"
expect_text "$work/err" "port $dask_port is taken by process"
expect_text "$work/err" "--dask-port"

# A run that ends well.
expect_exit 0 "$launcher" run --cluster "$name" -n 4 -- "$ring" --steps 20
for rank in 0 1 2 3; do
  expect_text "$work/out" "[$rank] rank $rank of 4 on node$rank is pid"
  expect_text "$work/out" "[$rank] rank $rank is done"
done
expect_exit 0 "$launcher" runs --cluster "$name" --json
expect_text "$work/out" '"status": "succeeded"'
expect_text "$work/out" '"loss": 0.05'
expect_exit 0 "$launcher" status --name "$name" --json
expect_text "$work/out" '"state": "up"'
expect_text "$work/out" "\"http\": $http_port"

# A program's own exit code comes back.
expect_exit 7 "$launcher" run --cluster "$name" -n 4 -- "$ring" --steps 1000 --fail-rank 1 --exit-code 7
expect_text "$work/err" "rank 1 on node1 exited with 7"

# A rank is killed: everybody learns who, where and how.
"$launcher" submit --cluster "$name" -n 4 -- "$ring" >"$work/id" 2>/dev/null || fail "submit"
run_id=$(cat "$work/id")
log=$XDG_STATE_HOME/trireme/$name/runs/$run_id/output.log
wait_for 60 grep -q '^\[2\] rank 2' "$log"
wait_for 60 grep -q '^\[3\] rank 3' "$log"
code=0
"$launcher" logs -f --cluster "$name" "$run_id" >"$work/follow" 2>"$work/said" &
follower=$!
victim=$(grep -o '^\[2\].*pid [0-9]*' "$log" | grep -o '[0-9]*$')
kill -9 "$victim"
wait "$follower" || code=$?
[[ $code -eq 0 ]] || fail "logs -f returned $code"
expect_text "$work/said" "rank 2 on node node2 is lost: killed by signal 9 (SIGKILL)"
expect_exit 0 "$launcher" runs show --cluster "$name" "$run_id"
expect_text "$work/out" "rank 2 on node2 was killed by signal 9 (SIGKILL)"
expect_text "$work/out" "exit     137"
expect_exit 0 "$launcher" status --name "$name" --json
[[ $(grep -c '"state": "up"' "$work/out") -eq 5 ]] || fail "every node is up after a rank's death"

expect_exit 0 "$launcher" down --name "$name"
# shellcheck disable=SC2086
expect_nothing_left $pids "$victim"
expect_exit 3 "$launcher" down --name "$name"
expect_text "$work/err" "nothing to take down"
[[ $(wc -l <"$work/err") -eq 1 ]] || fail "errors are one line"

# History outlives the cluster, and run numbers go on.
expect_exit 0 "$launcher" runs --cluster "$name" --json
expect_text "$work/out" "\"run_id\": \"$run_id\""
expect_exit 0 "$launcher" logs --cluster "$name" r-0001
expect_text "$work/out" "[0] rank 0 is done"
up 1 >/dev/null || fail "up after down"
expect_exit 0 "$launcher" run --cluster "$name" -- /bin/echo hello
expect_text "$work/out" "[0] hello"
expect_exit 0 "$launcher" runs --cluster "$name" --json
expect_text "$work/out" '"run_id": "r-0004"'
pids=$(cluster_pids)
expect_exit 0 "$launcher" down --name "$name"
# shellcheck disable=SC2086
expect_nothing_left $pids
