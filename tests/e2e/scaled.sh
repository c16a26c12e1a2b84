#!/usr/bin/env bash
# A cluster that becomes larger and smaller while it runs something.
# Example: tests/e2e/scaled.sh build/dev/bin/launcher build/dev/tests/ring_program
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$@"

expect_exit 3 "$launcher" scale 2 --cluster "$name"
expect_text "$work/err" "launcher up --cluster $name --nodes 2"
up 2 >"$work/up" || fail "up"
expect_exit 2 "$launcher" scale 0 --cluster "$name"

expect_exit 0 "$launcher" scale 4 --cluster "$name"
expect_text "$work/out" "cluster $name has 4 nodes"
expect_exit 0 "$launcher" run --cluster "$name" -n 4 -- "$ring" --steps 5
expect_text "$work/out" "rank 3 of 4 on node3"

# A node with ranks leaves when they have ended, those without at once.
"$launcher" submit --cluster "$name" -n 1 -- "$ring" >"$work/id" 2>/dev/null || fail "submit"
run_id=$(cat "$work/id")
log=$XDG_STATE_HOME/trireme/$name/runs/$run_id/output.log
wait_for 60 grep -q 'on node0' "$log"
expect_exit 0 "$launcher" scale 1 --cluster "$name" --json
expect_text "$work/out" "{\"name\":\"$name\",\"nodes\":1}"
expect_exit 0 "$launcher" status --name "$name" --json
expect_text "$work/out" '"name": "node0"'
! grep -q '"name": "node1"' "$work/out" || fail "node1 should be gone"
[[ $(wc -l <<<"$(cluster_pids)") -eq 2 ]] || fail "a scheduler and one agent were expected"

expect_exit 0 "$launcher" scale 2 --cluster "$name"
expect_exit 0 "$launcher" drain node1 --cluster "$name"
"$launcher" submit --cluster "$name" -n 1 -- "$ring" >"$work/id" 2>/dev/null || fail "submit"
expect_exit 0 "$launcher" undrain node1 --cluster "$name"
"$launcher" submit --cluster "$name" -n 1 -- "$ring" >"$work/busy" 2>/dev/null || fail "submit"
busy=$XDG_STATE_HOME/trireme/$name/runs/$(cat "$work/busy")/output.log
wait_for 60 grep -q 'on node1' "$busy"
expect_exit 0 "$launcher" scale 1 --cluster "$name" --cancel-after 0
expect_text "$work/err" "node1 leaves when $(cat "$work/busy") has ended"
expect_text "$work/err" "node1 is gone"
expect_exit 0 "$launcher" runs show --cluster "$name" "$(cat "$work/busy")"
expect_text "$work/out" "node1 is drained"
expect_exit 0 "$launcher" status --name "$name" --json
expect_text "$work/out" '"state": "up"'

# A node that waits to leave goes also when the scheduler was killed meanwhile.
expect_exit 0 "$launcher" scale 2 --cluster "$name"
"$launcher" submit --cluster "$name" -n 2 --nodes 2 -- "$ring" >"$work/both" 2>/dev/null || fail "submit"
both=$XDG_STATE_HOME/trireme/$name/runs/$(cat "$work/both")/output.log
wait_for 60 grep -q 'on node1' "$both"
"$launcher" scale 1 --cluster "$name" >"$work/scale" 2>&1 &
scaling=$!
wait_for 60 grep -q "node1 leaves when $(cat "$work/both") has ended" "$work/scale"
kill -KILL "$(cluster_pids | head -n 1)"
! wait $scaling || fail "it should have said that the scheduler does not answer"
expect_exit 0 "$launcher" up --name "$name"
expect_exit 0 "$launcher" cancel --cluster "$name" "$(cat "$work/both")"
is_gone() { "$launcher" status --name "$name" --json >"$work/status" && ! grep -q "\"name\": \"$1\"" "$work/status"; }
wait_for 20 is_gone node1
expect_exit 0 "$launcher" run --cluster "$name" -n 1 -- /bin/echo goes on

# The page's button does the same.
curl -sf -X POST -H 'Content-Type: application/json' -H "Origin: http://127.0.0.1:$http_port" \
  -d '{"nodes": 3}' "http://127.0.0.1:$http_port/api/scale" >"$work/scale" || fail "POST /api/scale"
expect_text "$work/scale" "launcher scale --cluster $name 3"
wait_for 60 grep -Eq '"nodes": *3' "$(record)"
wait_for 60 "$launcher" scale 3 --cluster "$name" # that the other one has let go
expect_exit 0 "$launcher" status --name "$name" --json
expect_text "$work/out" '"name": "node2"'

expect_exit 0 "$launcher" down --name "$name"
