# shellcheck shell=bash
# Sourced by tests that make network namespaces: enter_own_namespaces "$@", first thing in the script.
#
# Runs the script again below network, mount and process namespaces of its own, whose end takes processes, links and
# namespaces with it, however it ends. The second time it returns, with an empty /run/netns. Needs root.
enter_own_namespaces() {
  if [[ ${IN_OWN_NAMESPACES-} ]]; then
    mount -t tmpfs none /run/netns
    return
  fi
  export IN_OWN_NAMESPACES=1
  mkdir -p /run/netns
  local own=(unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" "$@")
  if unshare --mount true 2>/dev/null; then exec "${own[@]}"; fi
  # In a chroot the root is no mount point, which new mount namespaces need; here it becomes one.
  local root=/run/own-root
  mkdir -p "$root"
  # shellcheck disable=SC2016 # the inner shell's
  exec unshare --mount --propagation unchanged \
    bash -c 'mount --rbind / "$0" && exec chroot "$0" env --chdir="$PWD" "$@"' "$root" "${own[@]}"
}
