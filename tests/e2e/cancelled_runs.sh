#!/usr/bin/env bash
# Runs that are ended: by cancel, by Ctrl-C, by down; programs that ignore SIGTERM; a node that is killed.
# Example: tests/e2e/cancelled_runs.sh build/dev/bin/launcher build/dev/tests/ring_program
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$@"

up 2 >/dev/null || fail "up"
log_of() { echo "$XDG_STATE_HOME/trireme/$name/runs/$1/output.log"; }

# cancel
run_id=$("$launcher" submit --cluster "$name" -n 2 -- "$ring" 2>/dev/null)
wait_for 60 grep -q '^\[1\] rank 1' "$(log_of "$run_id")"
expect_exit 0 "$launcher" cancel --cluster "$name" "$run_id"
expect_text "$work/out" "$run_id is cancelled"
expect_exit 0 "$launcher" cancel --cluster "$name" "$run_id"
expect_text "$work/out" "had already ended"
expect_exit 3 "$launcher" cancel --cluster "$name" r-0099

# Ctrl-C of an attached run
code=0
setsid "$launcher" run --cluster "$name" -n 2 --no-mpi -- /bin/sh -c 'echo started; sleep 1000' >"$work/run" 2>&1 &
attached=$!
wait_for 30 grep -q '^\[1\] started' "$work/run"
kill -INT "$attached"
wait "$attached" || code=$?
[[ $code -eq 130 ]] || fail "Ctrl-C gave $code: $(cat "$work/run")"
expect_text "$work/run" "cancelled: Ctrl-C"

# A program that ignores SIGTERM is killed five seconds later.
run_id=$("$launcher" submit --cluster "$name" -n 1 --no-mpi -- /bin/bash -c 'trap "" TERM; echo deaf; while :; do sleep 1; done' 2>/dev/null)
wait_for 30 grep -q 'deaf' "$(log_of "$run_id")"
expect_exit 0 "$launcher" cancel --cluster "$name" "$run_id"
expect_text "$work/out" "is cancelled"

# Direct ranks have torchrun's environment, ours, and the user's.
# shellcheck disable=SC2016
expect_exit 0 "$launcher" run --cluster "$name" -n 4 --no-mpi --env FOO=bar -- /bin/sh -c \
  'echo "$RANK/$WORLD_SIZE local $LOCAL_RANK/$LOCAL_WORLD_SIZE on $TRIREME_NODE $FOO"; test -S "$TRIREME_STATUS_SOCKET"; pwd >&2'
expect_text "$work/out" "[3] 3/4 local 1/2 on node1 bar"
expect_text "$work/err" "[0] $PWD"

# TRIREME_NODE=host joins the nodes of one machine: the ranks share memory.
expect_exit 0 "$launcher" run --cluster "$name" -n 3 --no-mpi --env TRIREME_NODE=host -- "$ring" --steps 5
expect_text "$work/out" "[2] rank 2 of 3 on "
expect_text "$work/out" "[1] rank 1 is done"

# A node is killed: its ranks are lost, the run says so, the cluster shows it.
run_id=$("$launcher" submit --cluster "$name" -n 2 --no-mpi -- /bin/sleep 1000 2>/dev/null)
wait_for 30 sh -c "'$launcher' runs show --cluster $name $run_id --json | grep -q '\"status\": \"running\"'"
agent=$(grep -A2 '"role": "node1"' <(tr -d '\n' <"$(record)" | sed 's/},/},\n/g') | grep -o '"pid": [0-9]*' | grep -o '[0-9]*')
kill -9 "$agent"
wait_for 30 sh -c "'$launcher' runs show --cluster $name $run_id | grep -q 'node1 was lost'"
wait_for 30 sh -c "'$launcher' status --name $name | grep -q 'node1.*lost'"
expect_exit 0 "$launcher" cancel --cluster "$name" "$run_id"

# down ends what runs.
run_id=$("$launcher" submit --cluster "$name" -n 1 --no-mpi -- /bin/sleep 1001 2>/dev/null)
wait_for 30 sh -c "'$launcher' runs show --cluster $name $run_id --json | grep -q '\"status\": \"running\"'"
pids=$(cluster_pids)
expect_exit 0 "$launcher" down --name "$name"
expect_text "$work/err" "cancelling $run_id"
# shellcheck disable=SC2086
expect_nothing_left $pids
