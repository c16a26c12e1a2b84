# shellcheck shell=bash
# Installs what the build and the tests need. Sourced by scripts/setup, scripts/quickstart and scripts/test.
#
# setup_machine [--no-install] [--tests]
#   exports TRIREME_PYTHON (a python with LibTorch beside it) and TRIREME_TORCH (its torch folder).
# Everything outside the system's packages lies in the cache folder (TRIREME_CACHE, default ~/.cache/trireme).

TRIREME_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TRIREME_CACHE=${TRIREME_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/trireme}
TRIREME_LOG_DIR=${TRIREME_LOG_DIR:-$TRIREME_ROOT/build/logs}

# The same names on Debian 12 and Ubuntu 24.04. libboost-dev and not a numbered one: msgpack's package needs it.
BUILD_PACKAGES=(build-essential cmake ninja-build ccache git pkg-config python3 python3-venv
  libopenmpi-dev openmpi-bin libhwloc-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libmsgpack-cxx-dev libboost-dev libsqlite3-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libssl-dev zlib1g-dev libncurses-dev libjs-d3 bible-kjv)
TEST_PACKAGES=(libgtest-dev libgmock-dev clang-format shellcheck curl iproute2 procps chromium dict-gcide
  clang-16 libclang-rt-16-dev)  # libFuzzer; older ones cannot compile <ranges> of GCC 12

_is_supported_system() {
  # shellcheck disable=SC1091
  . /etc/os-release 2>/dev/null || return 1
  case "${ID:-}-${VERSION_ID:-}" in debian-12* | ubuntu-24.04) return 0 ;; *) return 1 ;; esac
}

_missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

_as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

_apt_install() {
  _as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  _as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

_install_packages() {
  local missing
  if ! command -v dpkg-query >/dev/null; then
    fail "this system has no dpkg; install the counterparts of: $* and run again with --no-install"
  fi
  mapfile -t missing < <(_missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    say "    system packages: all $# there"
  elif [[ -n $NO_INSTALL ]]; then
    say "    system packages missing (--no-install leaves them so): ${missing[*]}"
  elif ! _is_supported_system; then
    fail "this is not Debian 12 or Ubuntu 24.04; install the counterparts of: ${missing[*]} and run again with --no-install"
  elif ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "no rights to install packages; as root run: apt-get install ${missing[*]}"
  else
    run_step "Install ${#missing[@]} system packages" _apt_install "${missing[@]}"
  fi
}

# Prints the folder of a CUDA 13 toolkit, if there is one.
cuda_toolkit() {
  local folder
  for folder in "${CUDA_HOME:-}" /usr/local/cuda /usr/local/cuda-13*; do
    if [[ -n $folder && -x $folder/bin/nvcc ]] && "$folder/bin/nvcc" --version | grep -q 'release 13\.'; then
      printf '%s\n' "$folder"
      return
    fi
  done
}

_make_venv() {
  rm -rf "$1"
  if [[ -x /usr/bin/python3 ]]; then /usr/bin/python3 -m venv "$1"; else python3 -m venv "$1"; fi
}

_pip_install() { "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@"; }

# With a toolkit, torch's own search path (nvidia/cudnn/lib beside it) is pointed at the toolkit's libraries.
_install_libtorch() {
  local toolkit=$1 requirements=$TRIREME_ROOT/scripts/requirements packages
  _make_venv "$VENV"
  if [[ -n $toolkit ]]; then
    _pip_install --no-deps -r "$requirements/torch.txt" -r "$requirements/with-cuda-toolkit.txt"
    packages=$(echo "$VENV"/lib/python3*/site-packages)
    mkdir -p "$packages/nvidia/cudnn"
    ln -sfn "$toolkit/lib64" "$packages/nvidia/cudnn/lib"
  else
    _pip_install --no-deps -r "$requirements/torch.txt" -r "$requirements/without-cuda-toolkit.txt"
  fi
}

_install_python_packages() {
  local toolkit=$1 requirements=$TRIREME_ROOT/scripts/requirements
  if [[ -n $toolkit ]]; then
    _pip_install -r "$requirements/python-torch.txt" -r "$requirements/tests.txt"
  else  # import torch needs the libraries of CUDA, which the wheel's own dependencies bring
    _pip_install -r "$requirements/torch.txt" -r "$requirements/python-torch.txt" -r "$requirements/tests.txt"
  fi
  rm -rf "$VENV/other-dask"  # a second release beside the one in the environment
  _pip_install --no-deps --target "$VENV/other-dask" -r "$requirements/other-dask.txt"
}

# Runs a step once per content of its requirement files and of the functions that install them, remembered in the venv.
_once() {
  local stamp=$VENV/.installed-$1 want
  want=$({ cat "$TRIREME_ROOT"/scripts/requirements/*.txt && declare -f _make_venv _pip_install "$3"; } | sha256sum)
  if [[ -e $stamp && $(<"$stamp") == "$want" ]]; then
    say "    $2: there"
    return
  fi
  [[ -z $NO_INSTALL || $1 != packages ]] || fail "--no-install: $2 is missing"
  run_step "$2" "${@:3}"
  printf '%s\n' "$want" >"$stamp"
}

setup_machine() {
  NO_INSTALL=''
  local tests='' option
  for option in "$@"; do
    case $option in
      --no-install) NO_INSTALL=1 ;;
      --tests) tests=1 ;;
      *) fail "setup_machine: unknown option $option" ;;
    esac
  done
  local packages=("${BUILD_PACKAGES[@]}") toolkit
  [[ -z $tests ]] || packages+=("${TEST_PACKAGES[@]}")
  _install_packages "${packages[@]}"

  toolkit=$(cuda_toolkit)
  if [[ -n $toolkit ]]; then
    say "    CUDA toolkit: $toolkit"
    export PATH=$toolkit/bin:$PATH
    VENV=$TRIREME_CACHE/python-cuda
  else
    say "    CUDA toolkit: none found (looked at CUDA_HOME, /usr/local/cuda, /usr/local/cuda-13*): building for CPUs"
    VENV=$TRIREME_CACHE/python-cpu
  fi
  mkdir -p "$TRIREME_CACHE"
  exec 9>"$TRIREME_CACHE/setup.lock"  # two set-ups at once would tear each other's folder
  flock 9
  _once libtorch "LibTorch 2.11 from PyPI" _install_libtorch "$toolkit"
  [[ -z $tests ]] || _once tests "Python packages of the tests" _install_python_packages "$toolkit"
  exec 9>&-
  export TRIREME_PYTHON=$VENV/bin/python
  TRIREME_TORCH=$(echo "$VENV"/lib/python3*/site-packages/torch)
  export TRIREME_TORCH
}
