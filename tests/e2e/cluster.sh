# shellcheck shell=bash disable=SC2034
# What every end-to-end script starts with: source "$(dirname "$0")/cluster.sh" LAUNCHER RING_PROGRAM
#
# A state folder, cluster name and ports of its own, so that scripts run side by side and beside a user's cluster; a
# trap that takes the cluster down and removes everything, also when the script fails.
set -euo pipefail

launcher=$1
ring=$2
work=$(mktemp -d "${TMPDIR:-/tmp}/e2e-XXXXXX")
export XDG_STATE_HOME=$work/state
export TMPDIR=$work/t
mkdir -p "$XDG_STATE_HOME" "$TMPDIR"
name=e2e-$$

# Two ports nobody listens on.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}
dask_port=$(free_port)
http_port=$(free_port)

fail() {
  echo "FAILED: $*" >&2
  for log in "$XDG_STATE_HOME"/trireme/*/logs/*.log "$XDG_STATE_HOME"/trireme/*/runs/*/mpirun.log; do
    [[ -s $log ]] && { echo "--- $log" >&2; tail -n 15 "$log" >&2; }
  done
  exit 1
}

# expect_exit CODE COMMAND…: runs it, its output goes to $work/out and $work/err.
expect_exit() {
  local expected=$1 code=0
  shift
  "$@" >"$work/out" 2>"$work/err" || code=$?
  [[ $code -eq $expected ]] || {
    cat "$work/out" "$work/err" >&2
    fail "exit code $code instead of $expected: $*"
  }
}

expect_text() {
  grep -qF -- "$2" "$1" || {
    cat "$1" >&2
    fail "no '$2' in $1"
  }
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $deadline ]] || fail "gave up waiting for: $*"
    sleep 0.1
  done
}

up() { "$launcher" up --nodes "$1" --name "$name" --dask-port "$dask_port" --http-port "$http_port" 2>/dev/null; }

record() { echo "$XDG_STATE_HOME/trireme/$name/cluster.json"; }

# The pids of the cluster's processes, one a line.
cluster_pids() { grep -o '"pid": [0-9]*' "$(record)" | grep -o '[0-9]*'; }

is_running() { [[ -e /proc/$1/stat ]] && [[ $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) != Z ]]; }

# Processes that mention this test's folder: programs, shims, daemons, agents.
leftovers() {
  local pid
  for pid in $(pgrep -f "$work" || true); do
    [[ $pid -ne $$ && $pid -ne $PPID ]] && is_running "$pid" && tr '\0' ' ' <"/proc/$pid/cmdline" && echo
  done
  return 0
}

# What lies in /dev/shm of this cluster's runs, or of an Open MPI that no process uses any more. Others use the folder too.
shared_memory_left() {
  local file
  for file in /dev/shm/"$name"-* /dev/shm/vader_segment.* /dev/shm/sm_segment.*; do
    [[ -e $file ]] || continue
    if [[ $file == "/dev/shm/$name-"* ]] || ! grep -qsF -- "$file" /proc/[0-9]*/maps; then
      basename "$file"
    fi
  done | sort
}

expect_nothing_left() {
  local pid left
  for pid in "$@"; do
    is_running "$pid" && fail "process $pid still runs"
  done
  [[ -z $(ls "$TMPDIR") ]] || fail "left in TMPDIR: $(ls "$TMPDIR")"
  left=$(comm -13 <(echo "$shm_before") <(shared_memory_left))
  [[ -z $left ]] || fail "left in /dev/shm: $left"
}

clean_up() {
  "$launcher" down --name "$name" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
shm_before=$(shared_memory_left)
