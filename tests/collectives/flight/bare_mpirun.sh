#!/usr/bin/env bash
# A rank dies under a mpirun that nobody wraps: mpirun ends the survivors with SIGTERM, and they write their records.
# Example: tests/collectives/flight/bare_mpirun.sh build/dev/tests/mpi_flight mpirun
set -euo pipefail

program=$1 mpirun=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
code=0
TRIREME_FLIGHT_DIR=$folder "$mpirun" --oversubscribe -np 3 "$program" >"$folder/out" 2>&1 || code=$?
fail() {
  echo "FAILED: $*" >&2
  cat "$folder"/* >&2
  exit 1
}
[[ $code -ne 0 ]] || fail "mpirun says that all went well"
[[ ! -e $folder/flight-rank1.json ]] || fail "a killed rank wrote"
for rank in 0 2; do
  record=$folder/flight-rank$rank.json
  [[ -s $record ]] || fail "rank $rank wrote nothing"
  grep -q '"reason":"sigterm"' "$record" || fail "no reason in $record"
  grep -q '"sequence":6,"kind":"barrier".*"state":"started"' "$record" || fail "no unfinished barrier in $record"
done
