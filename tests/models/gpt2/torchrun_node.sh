#!/usr/bin/env bash
# One node of a world that torchrun starts, with two ranks; what tests/collectives/in_namespaces.sh runs on each node.
#
#   torchrun_node.sh --rank NODE --size NODES --store HOST:PORT TORCHRUN TRAIN_GPT2 PREPARE_TEXT
set -euo pipefail
# shellcheck source=tests/support/node_arguments.sh
. "$(dirname "$0")/../../support/node_arguments.sh"
torchrun=${rest[0]} train_gpt2=${rest[1]} prepare_text=${rest[2]}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
seq 1 20000 | tr '\n' ' ' >"$scratch/numbers.txt"
"$prepare_text" --source "$scratch/numbers.txt" --output "$scratch/numbers.bin" >"$scratch/prepared"
TRIREME_NODE=node$node OMP_NUM_THREADS=1 "$torchrun" --nnodes "$nodes" --node-rank "$node" --nproc-per-node 2 \
  --master-addr "${store%:*}" --master-port "${store#*:}" --no-python \
  "$train_gpt2" --data "$scratch/numbers.bin" --layers 1 --width 16 --heads 2 --length 16 --batch 8 --steps 6 \
  --run-dir "$scratch/run" 2>&1 | tee "$scratch/output"
((node > 0)) && exit 0
grep -q 'backend=hierarchical' "$scratch/output"
grep -q 'MPI did not start them' "$scratch/output"
