#!/usr/bin/env bash
# What `launcher debug` says of runs in which a rank hangs or is killed.
# Example: tests/e2e/flight_records.sh build/dev/bin/launcher build/dev/tests/ring_program
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$@"

up 3 >/dev/null || fail "up"
pids=$(cluster_pids)
debug() { expect_exit 0 "$launcher" debug --cluster "$name" "$@"; }

# A rank sleeps while the others wait.
expect_exit 9 "$launcher" run --cluster "$name" -n 3 --no-mpi --env TRIREME_NODE=host -- "$ring" --hang-rank 1 --timeout-ms 700
expect_text "$work/err" "missing rank 1"
debug r-0001 --svg "$work/ranks.svg"
expect_text "$work/out" "not every rank came to broadcast #"
expect_text "$work/out" "ranks 0, 2  waited for it"
expect_text "$work/out" "rank 1 on node1 is missing: it finished barrier #"
expect_text "$work/out" "never ended"
expect_text "$work/ranks.svg" "</svg>"

# A rank is killed: it writes nothing, the others and the launcher's shim know of it.
"$launcher" submit --cluster "$name" -n 3 -- "$ring" >"$work/id" 2>/dev/null || fail "submit"
run_id=$(cat "$work/id")
log=$XDG_STATE_HOME/trireme/$name/runs/$run_id/output.log
wait_for 60 grep -q '^\[0\] rank 0' "$log"
wait_for 60 grep -q '^\[2\] rank 2' "$log"
kill -9 "$(grep -o '^\[2\].*pid [0-9]*' "$log" | grep -o '[0-9]*$')"
wait_for 30 sh -c "'$launcher' runs show --cluster $name $run_id --json | grep -q '\"status\": \"failed\"'"
debug "$run_id"
expect_text "$work/out" "rank 2 on node2 is missing: it wrote no record (killed by signal 9 (SIGKILL))"
expect_text "$work/out" "no record: killed by signal 9 (SIGKILL)"
debug "$run_id" --json
expect_text "$work/out" '"kind": "missing"'

# The folder is enough, also when the cluster is gone; and what is no record is named.
folder=$XDG_STATE_HOME/trireme/$name/runs/$run_id
expect_exit 0 "$launcher" debug "$folder"
expect_text "$work/out" "rank 2 is missing"
expect_exit 3 "$launcher" debug --cluster "$name" r-0099
expect_exit 3 "$launcher" debug "$work/t/"
expect_text "$work/err" "no flight record in $work/t"
head -c 700 "$folder/flight/flight-rank0.json" >"$work/torn" && mv "$work/torn" "$folder/flight/flight-rank0.json"
expect_exit 6 "$launcher" debug "$folder"
expect_text "$work/err" "$folder/flight/flight-rank0.json is no usable flight record"
[[ $(wc -l <"$work/err") -eq 1 ]] || fail "errors are one line"

expect_exit 0 "$launcher" down --name "$name"
# shellcheck disable=SC2086
expect_nothing_left $pids
