#!/usr/bin/env bash
# The scheduler is killed while runs are active: they go on, the next one takes them up, nothing is lost or run twice.
# Example: tests/e2e/scheduler_killed.sh build/dev/bin/launcher build/dev/tests/ring_program
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$@"

log_of() { echo "$XDG_STATE_HOME/trireme/$name/runs/$1/output.log"; }
pid_of_rank() { grep -o "^\[$2\].*pid [0-9]*" "$(log_of "$1")" | grep -o '[0-9]*$'; }
pid_of() { tr -d '\n ' <"$(record)" | grep -o "\"pid\":[0-9]*,\"role\":\"$1\"" | grep -o '[0-9][0-9]*' | head -n 1; }
status_of() { "$launcher" runs show --cluster "$name" "$1" --json | grep -o '"status": "[a-z]*"' | head -n 1 | cut -d'"' -f4; }
is_status() { [[ $(status_of "$1") == "$2" ]]; }

up 2 >/dev/null || fail "up"

# One run that mpirun started, one that writes numbered lines, one whose rank will die with nobody watching.
"$launcher" submit --cluster "$name" -n 2 -- "$ring" --until "$work/end" >/dev/null 2>&1 || fail "submit"
# shellcheck disable=SC2016
"$launcher" submit --cluster "$name" -n 2 --no-mpi -- /bin/bash -c 'echo "pid $$"; line=0
  until [[ -e $0 ]]; do echo "line $((line += 1))"; sleep 0.02; done; echo "last $line"' "$work/end" >/dev/null 2>&1 ||
  fail "submit"
"$launcher" run --cluster "$name" -n 1 --no-mpi -- /bin/bash -c 'echo "pid $$"; exec sleep 1000' >/dev/null 2>"$work/attached" &
attached=$!
for rank in 0 1; do
  for run_id in r-0001 r-0002; do wait_for 60 pid_of_rank $run_id $rank; done
done
wait_for 60 pid_of_rank r-0003 0
wait_for 30 grep -q '^\[1\] line 20$' "$(log_of r-0002)"
ranks_before=$(for run_id in r-0001 r-0002; do pid_of_rank $run_id 0; pid_of_rank $run_id 1; done)

scheduler=$(pid_of scheduler)
kill -9 "$scheduler"
code=0
wait "$attached" || code=$?
[[ $code -eq 5 ]] || fail "the attached run returned $code"
expect_text "$work/attached" "follow r-0003 then with: launcher logs -f --cluster $name r-0003"
wait_for 10 sh -c "! '$launcher' status --name $name"
expect_exit 5 "$launcher" status --name "$name"
expect_text "$work/err" "launcher up starts it again"
kill -9 "$(pid_of_rank r-0003 0)"
for pid in $ranks_before; do is_running "$pid" || fail "rank $pid ended with the scheduler"; done

expect_exit 0 "$launcher" up --name "$name"
expect_text "$work/err" "going on with them"
expect_text "$work/out" "cluster $name is up: 2 nodes"
wait_for 30 is_status r-0003 failed
expect_exit 0 "$launcher" runs show --cluster "$name" r-0003
expect_text "$work/out" "rank 0 on node0 was killed by signal 9 (SIGKILL)"
for run_id in r-0001 r-0002; do wait_for 10 is_status $run_id running; done
for pid in $ranks_before; do is_running "$pid" || fail "rank $pid did not outlive the restart"; done
expect_exit 4 "$launcher" up --name "$name"

touch "$work/end"
for run_id in r-0001 r-0002; do wait_for 60 is_status $run_id succeeded; done
ranks_after=$(for run_id in r-0001 r-0002; do pid_of_rank $run_id 0; pid_of_rank $run_id 1; done)
[[ $ranks_after == "$ranks_before" ]] || fail "ranks were started again: $ranks_before, then $ranks_after"
expect_exit 0 "$launcher" logs --cluster "$name" r-0002
for rank in 0 1; do
  last=$(grep -o "^\[$rank\] last [0-9]*" "$work/out" | grep -o '[0-9]*$')
  [[ $last -gt 20 ]] || fail "rank $rank wrote '$last' lines"
  diff <(seq -f "[$rank] line %.0f" "$last") <(grep "^\[$rank\] line" "$work/out") >&2 || fail "lines of rank $rank were lost or doubled"
done
expect_exit 0 "$launcher" run --cluster "$name" -- /bin/echo hello
expect_exit 0 "$launcher" runs --cluster "$name" --json
expect_text "$work/out" '"run_id": "r-0004"'

pids=$(cluster_pids)
expect_exit 0 "$launcher" down --name "$name"
# shellcheck disable=SC2086
expect_nothing_left $pids "$scheduler"
[[ -z $(leftovers) ]] || fail "left running: $(leftovers)"
