#!/usr/bin/env bash
# Training through the launcher: a rank is killed, the report names it, the next run goes on from the checkpoint.
# Example: tests/e2e/killed_and_resumed.sh build/dev/bin/launcher build/dev/bin/train_gpt2
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$@"
train=$2
root=$(cd "$(dirname "$0")/../.." && pwd)

# The process of a rank of this cluster's only run; ranks inherit this script's state folder.
pid_of_rank() {
  local pid
  for pid in $(pgrep -x train_gpt2); do
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" >"$work/environ" || continue
    grep -qx "XDG_STATE_HOME=$XDG_STATE_HOME" "$work/environ" || continue
    grep -qx "OMPI_COMM_WORLD_RANK=$1" "$work/environ" && echo "$pid"
  done
  return 0
}

step_of() { basename "$1" | sed 's/step-0*//'; }

cat "$root/README.md" "$root/ARCHITECTURE.md" >"$work/text"
"$root/scripts/prepare_text" --source "$work/text" --output "$work/text.bin" >/dev/null
run_dir=$work/run
model=(--data "$work/text.bin" --layers 1 --width 16 --heads 2 --length 32 --batch 8 --validate-every 0
  --checkpoint-every 20 --run-dir "$run_dir")

up 4 >/dev/null || fail "up"
cluster=$(cluster_pids)

code=0
"$launcher" run --cluster "$name" -n 4 -- "$train" "${model[@]}" --steps 1000000 >"$work/out" 2>"$work/err" &
attached=$!
wait_for 60 test -e "$run_dir/checkpoints/latest"
victim=$(pid_of_rank 2)
[[ $victim =~ ^[0-9]+$ ]] || fail "rank 2 has the processes '$victim'"
kill -9 "$victim"
wait "$attached" || code=$?
[[ $code -eq 137 ]] || fail "exit code $code instead of 137: $(cat "$work/err")"
expect_text "$work/err" "rank 2 on node2 was killed by signal 9 (SIGKILL)"
expect_text "$work/err" "train_gpt2: error:"
for rank in 0 1 3; do
  grep -q "^\[$rank\].*rank 2.*node2" "$work/err" || fail "rank $rank does not name the lost one: $(cat "$work/err")"
done
expect_exit 0 "$launcher" runs --cluster "$name" --json
expect_text "$work/out" '"exit_code": 137'
[[ -z $(pid_of_rank 0) ]] || fail "a survivor still runs"

# What was lost is what came after the newest checkpoint.
saved=$(step_of "$(cat "$run_dir/checkpoints/latest")")
metrics_before=$(wc -l <"$run_dir/metrics.jsonl")
[[ $saved -ge 20 ]] || fail "the newest checkpoint is of step '$saved'"
expect_exit 0 "$launcher" run --cluster "$name" -n 4 -- "$train" "${model[@]}" --steps $((saved + 20)) --resume
expect_text "$work/out" "[0] $((saved + 20)) steps in"
first=$(tail -n +"$((metrics_before + 1))" "$run_dir/metrics.jsonl" | head -n 1)
[[ $first == "{\"step\":$((saved + 1)),"* ]] || fail "it did not go on at step $((saved + 1)): $first"
[[ $(step_of "$(cat "$run_dir/checkpoints/latest")") -eq $((saved + 20)) ]] || fail "no checkpoint at the end"

expect_exit 0 "$launcher" down --name "$name"
# shellcheck disable=SC2086
expect_nothing_left $cluster
[[ -z $(leftovers) ]] || fail "left running: $(leftovers)"
