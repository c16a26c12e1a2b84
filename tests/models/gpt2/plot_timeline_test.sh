#!/usr/bin/env bash
# Two ranks train with --profile, and scripts/plot_timeline draws what they wrote.
# Example: plot_timeline_test.sh mpirun build/ci/bin/train_gpt2 python3 scripts
set -euo pipefail
mpirun=$1 train=$2 python=$3 scripts=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

seq 1 3000 >"$folder/text.txt"
"$scripts/prepare_text" --source "$folder/text.txt" --output "$folder/text.bin" >/dev/null
"$mpirun" --oversubscribe -np 2 "$train" --data "$folder/text.bin" --layers 1 --width 32 --heads 2 --length 32 --batch 8 \
  --steps 8 --run-dir "$folder/run" --profile --zero 1 --share off >"$folder/output"
grep -q 'timeline of the steps' "$folder/output"  # of a file: a pipe that is closed early would end mpirun

"$python" "$scripts/plot_timeline" "$folder/run/trace.json" --step 5 >"$folder/drawn"
grep -q 'step 5' "$folder/drawn"
head -c 4 "$folder/run/trace.png" | grep -q PNG
for name in 'rank 1' '"gather ' '"reduce bucket '; do grep -q -- "$name" "$folder/run/trace.json"; done

echo '{' >"$folder/bad.json"
status=0
"$python" "$scripts/plot_timeline" "$folder/bad.json" 2>"$folder/error" || status=$?
[ "$status" -eq 2 ]
grep -q 'not a trace' "$folder/error"
