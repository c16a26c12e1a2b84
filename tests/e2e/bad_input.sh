#!/usr/bin/env bash
# What users do wrong while a cluster is up: one line that says what to do, an exit code of its own, nothing changed.
# Example: tests/e2e/bad_input.sh build/dev/bin/launcher
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$1" ''

# What a mistake must leave alone: the record, the processes, everything faces show, files of other clusters.
cluster_now() {
  cat "$(record)"
  "$launcher" status --name "$name" --json | grep -v '"last_seen"'
  ls "$TMPDIR"
  find "$XDG_STATE_HOME" -name cluster.json
}

# expect_error CODE TEXT COMMAND…
expect_error() {
  local code=$1 text=$2
  shift 2
  expect_exit "$code" "$@"
  [[ $(wc -l <"$work/err") -eq 1 && $(cat "$work/err") == "launcher: error: "* ]] || fail "no one-line error: $(cat "$work/err")"
  expect_text "$work/err" "$text"
  [[ ! -s $work/out ]] || fail "an error with output: $(cat "$work/out")"
  [[ $(cluster_now) == "$before" ]] || fail "changed by: $*"
}

up 2 >/dev/null || fail "up"
pids=$(cluster_pids)
before=$(cluster_now)
others=(--dask-port "$(free_port)" --http-port "$(free_port)")

expect_error 2 "--frobnicate" "$launcher" up --frobnicate
expect_error 2 "not in range 1 to 256" "$launcher" up --nodes 0 --name other
expect_error 2 "not in range 1 to 256" "$launcher" up --nodes 257 --name other
expect_error 4 "cluster $name is already up with 2 nodes" "$launcher" up --nodes 2 --name "$name"
expect_text "$work/err" "launcher status --cluster $name | launcher run --cluster $name -- PROGRAM | launcher down --cluster $name"
expect_error 6 "port $dask_port is taken by process" "$launcher" up --name other --dask-port "$dask_port" "${others[@]:2}"
expect_text "$work/err" "launcher up --nodes 1 --name other --dask-port "
expect_error 6 "port $http_port is taken by process" "$launcher" up --name other "${others[@]:0:2}" --http-port "$http_port"
expect_error 6 "cannot make a folder in $work/none" env TMPDIR="$work/none" "$launcher" up --name other "${others[@]}"
if [[ ! -e /dev/nvidia0 ]]; then
  expect_error 6 "0 of 4 nodes have a GPU" "$launcher" up --nodes 4 --gpu --name other "${others[@]}"
fi

run=("$launcher" run --cluster "$name")
touch "$work/plain"
expect_error 2 "--cluster $name -n 2 -- ./train --steps 3" "${run[@]}" -n 2 ./train --steps 3
expect_error 2 "has no option --frobnicate" "${run[@]}" --frobnicate -- /bin/true
expect_error 2 "$work/none does not exist" "${run[@]}" -- "$work/none"
expect_error 2 "chmod +x" "${run[@]}" -- "$work/plain"
expect_error 2 "is a folder" "${run[@]}" -- "$work"
expect_error 2 "not in range 1 to 4096" "${run[@]}" -n 5000 -- /bin/true
expect_error 2 "more than the cluster's 2 nodes" "${run[@]}" --nodes 3 -n 3 -- /bin/true
expect_error 2 "KEY=VALUE" "${run[@]}" --env WRONG -- /bin/true
expect_error 3 "no cluster other is up; up are: $name" "$launcher" run --cluster other -- /bin/true
for command in cancel logs "runs show"; do
  # shellcheck disable=SC2086
  expect_error 3 "no run r-0099" "$launcher" $command --cluster "$name" r-0099
done
expect_error 3 "nothing to take down" "$launcher" down --name other

# Programs that crash, or that the system cannot start: the run fails with their code, the cluster goes on.
expect_exit 139 "${run[@]}" -n 2 --no-mpi -- /bin/sh -c "[ \$RANK = 0 ] || kill -SEGV \$\$"
expect_text "$work/err" "run r-0001 failed: rank 1 on node1 was killed by signal 11 (SIGSEGV)"
printf '#!/no/such/interpreter\n' >"$work/script"
chmod +x "$work/script"
expect_exit 127 "${run[@]}" -n 1 -- "$work/script"
expect_text "$work/err" "run r-0002 failed: rank 0 on node0"
expect_text "$work/err" "$work/script"
expect_exit 0 "${run[@]}" -n 2 -- /bin/echo still here
[[ $(cluster_pids) == "$pids" ]] || fail "processes of the cluster were replaced"

expect_exit 0 "$launcher" down --name "$name"
# shellcheck disable=SC2086
expect_nothing_left $pids
expect_exit 3 "$launcher" down --name "$name"
expect_text "$work/err" "no cluster $name is up, so there is nothing to take down"
