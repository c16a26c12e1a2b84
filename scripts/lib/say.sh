# shellcheck shell=bash
# Progress and errors of the scripts. Sourced, not run.
#
# run_step "Title" COMMAND…   runs the command with its output in a log, shows the title, the newest line (on a
#                             terminal) and the seconds it took; on failure prints the log's end and stops.

TRIREME_STEP=0
TRIREME_LOG_DIR=${TRIREME_LOG_DIR:-}

say() { printf '%s\n' "$*"; }
fail() { printf '%s: error: %s\n' "${0##*/}" "$*" >&2; exit 1; }
heading() { TRIREME_STEP=$((TRIREME_STEP + 1)); printf '\n[%d] %s\n' "$TRIREME_STEP" "$*"; }

# Shows the newest log line on a terminal while process $1 lives; elsewhere a line every 30 s.
_watch_log() {
  local pid=$1 log=$2 title=$3 start=$SECONDS shown=$SECONDS line
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [[ -t 1 ]]; then
      line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | sed '/^[[:space:]]*$/d' | tail -n 1 | tr -d '\000-\010\033')
      printf '\r\033[K    %s  %ds  %.*s' "$title" $((SECONDS - start)) "$(( ${COLUMNS:-100} - ${#title} - 14 ))" "$line"
    elif ((SECONDS - shown >= 30)); then
      shown=$SECONDS
      line=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | sed '/^[[:space:]]*$/d' | tail -n 1)
      printf '    … %s: %d s  %.100s\n' "$title" $((SECONDS - start)) "$line"
    fi
  done
  [[ -t 1 ]] && printf '\r\033[K'
  return 0
}

run_step() {
  local title=$1 start=$SECONDS log code=0
  shift
  mkdir -p "$TRIREME_LOG_DIR"
  log=$TRIREME_LOG_DIR/$(tr -cs 'a-zA-Z0-9' '-' <<<"$title" | sed 's/-$//').log
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  _watch_log "$pid" "$log" "$title"
  wait "$pid" || code=$?
  if ((code != 0)); then
    printf '    %s: failed with code %d after %d s. The end of %s:\n' "$title" "$code" $((SECONDS - start)) "$log" >&2
    tail -n 40 "$log" | sed 's/^/    | /' >&2
    exit 1
  fi
  printf '    %s: done in %d s\n' "$title" $((SECONDS - start))
}
