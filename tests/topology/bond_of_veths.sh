#!/usr/bin/env bash
# Two ranks talk over the tcp backend while one of the two links below them goes away and comes back, as a virtual
# function does when a cloud's host is serviced. Needs root.
#
#   bond_of_veths.sh PROGRAM     # PROGRAM: bond_survivor
#
# Each rank has a network namespace with the address on a master "bond0" and two veths below it: "fast", which carries
# the traffic, and "slow". The master is a bond where the kernel has bonding, else a bridge; then this script moves the
# traffic, as hv_netvsc does, by what it puts below rank 1's. "fast" is deleted and made anew, not only taken down.
set -euo pipefail
# shellcheck source=tests/support/own_namespaces.sh
. "$(dirname "$0")/../support/own_namespaces.sh"
enter_own_namespaces "$@"
program=$1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ip netns add rank0
ip netns add rank1
kind=bridge
if ip -n rank0 link add probe type bond 2>/dev/null; then
  ip -n rank0 link del probe
  kind=bond
fi

# add_link NAME: a pair of veths, one a namespace. Two links between two bridges would let frames run in circles, so one
# end waits outside; a bond sees to it by itself.
add_link() {
  ip -n rank0 link add "$1" type veth peer name "$1" netns rank1
  ip -n rank0 link set "$1" master bond0
  [[ $kind == bridge ]] || ip -n rank1 link set "$1" master bond0
  ip -n rank0 link set "$1" up
  ip -n rank1 link set "$1" up
}
has_carrier() { [[ $(ip netns exec rank1 cat "/sys/class/net/$1/operstate") == up ]]; }
# carry_over NAME [NAME]: the first link carries the traffic from now on, and the second no longer.
carry_over() {
  local until=$((SECONDS + 20))
  until has_carrier "$1" || ((SECONDS > until)); do :; done
  if [[ $kind == bridge ]]; then
    [[ -z ${2-} ]] || ip -n rank1 link set "$2" nomaster
    ip -n rank1 link set "$1" master bond0
  elif [[ ${2-} ]]; then
    ip -n rank0 link set bond0 type bond active_slave "$1"
    ip -n rank1 link set bond0 type bond active_slave "$1"
  fi
}

for rank in 0 1; do
  if [[ $kind == bond ]]; then
    ip -n "rank$rank" link add bond0 type bond mode active-backup miimon 20
  else
    ip -n "rank$rank" link add bond0 type bridge stp_state 0 forward_delay 0
  fi
  ip -n "rank$rank" link set lo up
done
add_link fast
add_link slow
carry_over fast
ip -n rank0 link set bond0 up
ip -n rank1 link set bond0 up
ip -n rank0 address add 10.78.0.1/24 dev bond0
ip -n rank1 address add 10.78.0.2/24 dev bond0

start() {
  exec ip netns exec "rank$1" "$program" --rank "$1" --size 2 --store 10.78.0.1:29400 --interface bond0
}
mkfifo "$folder/commands" "$folder/answers"
start 0 <"$folder/commands" >"$folder/answers" 2>"$folder/errors0" &
rank0=$!
start 1 </dev/null >"$folder/errors1" 2>&1 &
rank1=$!
exec 3>"$folder/commands" 4<"$folder/answers"

fail() {
  echo "bond_of_veths: error: $*" >&2
  cat "$folder/errors0" "$folder/errors1" >&2
  exit 1
}
# Reductions go on all the time; this waits until some more have succeeded.
reductions_go_on() {
  local answer
  echo "$1" >&3
  read -r -t 30 answer <&4 || fail "no reduction finished after: $1"
  echo "$answer"
}
carried_by() { ip netns exec rank0 cat "/sys/class/net/$1/statistics/tx_bytes"; }

reductions_go_on "the start over fast"
for round in 1 2; do
  ip -n rank0 link del fast
  carry_over slow
  before=$(carried_by slow)
  reductions_go_on "losing fast (round $round)"
  (($(carried_by slow) > before + 20 * 1024 * 1024)) || fail "the traffic did not move to the other link"
  add_link fast
  carry_over fast slow
  before=$(carried_by fast)
  reductions_go_on "getting fast back (round $round)"
  (($(carried_by fast) > before + 20 * 1024 * 1024)) || fail "the traffic did not come back"
done

exec 3>&-
wait "$rank0" || fail "rank 0 ended with $?"
wait "$rank1" || fail "rank 1 ended with $?"
echo "survived two losses of a link below a $kind"
