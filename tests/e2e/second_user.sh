#!/usr/bin/env bash
# Two users of one machine: the second is told who has the ports, and both clusters live side by side. Needs root.
# Example: tests/e2e/second_user.sh build/dev/bin/launcher
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$1" ''

# The other user must be able to reach the binary, and nothing of ours: where this runs may be closed to it.
chmod 711 "$work"
mkdir -m 700 "$work/other"
install -m 755 "$launcher" "$work/launcher"
chown nobody "$work/other"
as_other() {
  setpriv --reuid nobody --regid nogroup --clear-groups \
    env --chdir="$work/other" HOME="$work/other" XDG_STATE_HOME="$work/other" TMPDIR="$work/other" "$@"
}
end_both() {
  as_other "$work/launcher" down >/dev/null 2>&1 || true
  clean_up
}
trap end_both EXIT

# A folder it cannot write is named, with the way out.
mkdir -m 755 "$work/readonly"
expect_exit 6 as_other env XDG_STATE_HOME="$work/readonly" "$work/launcher" up
expect_text "$work/err" "cannot write $work/readonly/trireme/default: "
expect_text "$work/err" "set XDG_STATE_HOME"
[[ $(wc -l <"$work/err") -eq 1 && -z $(ls "$work/readonly") ]] || fail "not one line, or something was written"

up 2 >/dev/null || fail "up"
pids=$(cluster_pids)

expect_exit 6 as_other "$work/launcher" up --nodes 1 --dask-port "$dask_port" --http-port "$http_port"
expect_text "$work/err" "port $dask_port is taken by a process of user $(id -un); choose others: launcher up --nodes 1"
[[ $(wc -l <"$work/err") -eq 1 ]] || fail "errors are one line"
[[ ! -e $work/other/trireme/default/cluster.json ]] || fail "something was started"

# The line it was told to type brings its own cluster up.
read -ra told < <(grep -o 'launcher up .*' "$work/err")
expect_exit 0 as_other "$work/${told[0]}" "${told[@]:1}"
expect_exit 0 as_other "$work/launcher" run -- /usr/bin/id -un
expect_text "$work/out" "[0] nobody"
expect_exit 0 "$launcher" run --cluster "$name" -- /usr/bin/id -un
expect_text "$work/out" "[0] $(id -un)"

# Each goes down without the other, and leaves nothing.
expect_exit 0 "$launcher" down --name "$name"
expect_exit 0 as_other "$work/launcher" status
expect_text "$work/out" "node0"
expect_exit 0 as_other "$work/launcher" down
# shellcheck disable=SC2086
expect_nothing_left $pids
[[ $(ls "$work/other") == trireme ]] || fail "left by the other user: $(ls "$work/other")"
