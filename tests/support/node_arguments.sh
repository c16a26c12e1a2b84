# shellcheck shell=bash disable=SC2034
# Sourced by what tests/collectives/in_namespaces.sh runs on each node, with "$@": sets node, nodes and store from
# --rank NODE --size NODES --store HOST:PORT, and rest to the arguments after them.
while [[ ${1-} == --* ]]; do
  case $1 in
    --rank) node=$2 ;;
    --size) nodes=$2 ;;
    --store) store=$2 ;;
    *) echo "unknown argument $1" >&2 && exit 2 ;;
  esac
  shift 2
done
rest=("$@")
