# shellcheck shell=bash
# libFuzzer programs. Sourced after setup.sh and build.sh.
#
# build_fuzzers [NAME…]        fuzz_NAME into build/fuzz/bin; none named: all
# fuzz SECONDS NAME            from seed 1, beginning with its corpus. Fails when something was found; that lies in
#                              build/fuzz/found/NAME then, for the corpus
# fuzz_each SECONDS LOGS NAME… as many at a time as there are cores, each with its output in LOGS/NAME. Prints those that failed

build_fuzzers() {
  local BUILD_TARGET=fuzzers
  (($# == 0)) || BUILD_TARGET=${*/#/fuzz_}
  build_preset fuzz
}

fuzz() {
  local seconds=$1 name=$2 found=$TRIREME_ROOT/build/fuzz/found/$2 new code=0
  rm -rf "$found"
  mkdir -p "$found"
  new=$(mktemp -d)
  "$TRIREME_ROOT/build/fuzz/bin/fuzz_$name" -seed=1 -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$found/" "$new" "$TRIREME_ROOT/tests/fuzz/corpus/$name" || code=$?
  rm -rf "$new"
  return "$code"
}

fuzz_each() {
  local seconds=$1 logs=$2 name
  shift 2
  for name in "$@"; do
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
    (fuzz "$seconds" "$name" >"$logs/$name" 2>&1 || touch "$logs/$name.failed") &
  done
  wait
  for name in "$@"; do [[ ! -e $logs/$name.failed ]] || printf '%s\n' "$name"; done
}
