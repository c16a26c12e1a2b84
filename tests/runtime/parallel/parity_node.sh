#!/usr/bin/env bash
# The ranks of one node of a world, started as torchrun would start them; what tests/collectives/in_namespaces.sh runs on
# each node.
#
#   parity_node.sh --rank NODE --size NODES --store HOST:PORT RANKS_PER_NODE PROGRAM
set -euo pipefail
# shellcheck source=tests/support/node_arguments.sh
. "$(dirname "$0")/../../support/node_arguments.sh"
ranks=${rest[0]} program=${rest[1]}

export TRIREME_NODE=node$node MASTER_ADDR=${store%:*} MASTER_PORT=${store#*:}
export WORLD_SIZE=$((nodes * ranks)) LOCAL_WORLD_SIZE=$ranks OMP_NUM_THREADS=1
pids=()
for ((local = 0; local < ranks; ++local)); do
  RANK=$((node * ranks + local)) LOCAL_RANK=$local "$program" &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit "$failed"
