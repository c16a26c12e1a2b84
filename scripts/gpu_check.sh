#!/usr/bin/env bash
# Everything that needs a GPU: builds with CUDA required, runs the tests labelled gpu and the collectives benchmark over
# NCCL. For a machine that has one.
#
#   scripts/gpu_check.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case " $* " in *" --help "* | *" -h "*) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
# shellcheck source=scripts/lib/say.sh
. scripts/lib/say.sh
# shellcheck source=scripts/lib/setup.sh
. scripts/lib/setup.sh
# shellcheck source=scripts/lib/build.sh
. scripts/lib/build.sh
command -v nvidia-smi >/dev/null || fail "no nvidia-smi on this machine: the GPU checks need a GPU and its driver"
heading "Set up"
setup_machine --tests
heading "Build with CUDA and NCCL"
build_preset cuda
heading "Tests that need a GPU"
ctest --test-dir build/cuda -L gpu --output-on-failure --no-tests=error
heading "Collectives on the GPUs"
"$TRIREME_PYTHON" bench/collectives/run.py --build "$TRIREME_ROOT/build/cuda" --no-setup --gpus "$(nvidia-smi -L | wc -l)" \
  --json "$TRIREME_ROOT/build/cuda/collectives.json"
