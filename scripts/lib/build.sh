# shellcheck shell=bash
# Configures and builds a preset. Sourced after setup.sh.
#
# build_preset PRESET [CMAKE OPTIONS…]     into build/PRESET, two jobs a time where memory is short;
#                                          BUILD_TARGET: these targets and what they need, not everything

# A LibTorch file takes about 2 GB to compile.
build_jobs() {
  local cores memory_gib
  cores=$(nproc)
  memory_gib=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  local by_memory=$((memory_gib / 2))
  ((by_memory >= 1)) || by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# ccache that understands precompiled headers and does not care where the checkout lies.
ccache_launcher() {
  if command -v ccache >/dev/null; then
    printf 'env;CCACHE_BASEDIR=%s;CCACHE_NOHASHDIR=1;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;ccache' "$TRIREME_ROOT"
  fi
}

build_preset() {
  local preset=$1 targets
  shift
  read -ra targets <<<"${BUILD_TARGET:-}"
  local options=(--preset "$preset" "-DTRIREME_TORCH_DIR=$TRIREME_TORCH" "-DTRIREME_TEST_PYTHON=$TRIREME_PYTHON"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=$(ccache_launcher)" "$@")
  run_step "Configure $preset" cmake -S "$TRIREME_ROOT" "${options[@]}"
  run_step "Build $preset" cmake --build "$TRIREME_ROOT/build/$preset" -j "$(build_jobs)" \
    ${targets:+--target "${targets[@]}"}
}
