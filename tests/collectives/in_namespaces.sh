#!/usr/bin/env bash
# Runs a program as one rank in each of N network namespaces on a bridge. Needs root.
#
#   in_namespaces.sh N PROGRAM [ARGUMENT…]     # runs PROGRAM --rank R --size N --store 10.77.0.1:29400 ARGUMENT…
#   RATE=1gbit in_namespaces.sh …              # with links of that rate
set -euo pipefail
# shellcheck source=tests/support/own_namespaces.sh
. "$(dirname "$0")/../support/own_namespaces.sh"
enter_own_namespaces "$@"
ranks=$1 program=$2
shift 2

ip link set lo up
ip link add bridge type bridge
ip link set bridge up
for ((rank = 0; rank < ranks; ++rank)); do
  ip netns add "rank$rank"
  ip link add "port$rank" type veth peer name eth0 netns "rank$rank"
  ip link set "port$rank" master bridge up
  ip -n "rank$rank" address add "10.77.0.$((rank + 1))/24" dev eth0
  ip -n "rank$rank" link set lo up
  ip -n "rank$rank" link set eth0 up
  if [[ ${RATE-} ]]; then
    ip netns exec "rank$rank" tc qdisc add dev eth0 root tbf rate "$RATE" burst 128kb limit 16mb
    tc qdisc add dev "port$rank" root tbf rate "$RATE" burst 128kb limit 16mb
  fi
done

outputs=$(mktemp -d)
trap 'rm -rf "$outputs"' EXIT
pids=()
for ((rank = 0; rank < ranks; ++rank)); do
  ip netns exec "rank$rank" "$program" --rank "$rank" --size "$ranks" --store 10.77.0.1:29400 "$@" \
    >"$outputs/$rank" 2>&1 &
  pids+=($!)
done
failed=0
for ((rank = 0; rank < ranks; ++rank)); do
  wait "${pids[rank]}" || failed=1 || true
done
if ((failed)); then
  for ((rank = 0; rank < ranks; ++rank)); do sed "s/^/[$rank] /" "$outputs/$rank"; done
else
  cat "$outputs/0"
fi
exit "$failed"
