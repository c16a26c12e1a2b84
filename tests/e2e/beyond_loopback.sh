#!/usr/bin/env bash
# A cluster and a second machine that reaches it, as a network namespace at the other end of a link. Needs root.
# Example: tests/e2e/beyond_loopback.sh build/dev/bin/launcher
# shellcheck source=tests/support/own_namespaces.sh
. "$(dirname "$0")/../support/own_namespaces.sh"
enter_own_namespaces "$@"
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$(dirname "$0")/cluster.sh" "$1" ''

here=10.78.0.1
ip link set lo up
ip netns add far
ip link add near type veth peer name eth0 netns far
ip address add "$here/24" dev near
ip link set near up
ip -n far address add 10.78.0.2/24 dev eth0
ip -n far link set eth0 up
ip -n far link set lo up
far() { ip netns exec far "$@"; }
code_of() { far curl -s -o "$work/body" -w '%{http_code}' --max-time 20 "$@"; }
up_on() {
  local address=$1
  shift
  expect_exit 0 "$launcher" up --nodes 1 --name "$name" --dask-port "$dask_port" --http-port "$http_port" --listen "$address" "$@"
}

# On every interface: TLS and tokens, for the address that the far machine knows.
up_on 0.0.0.0
certificate=$XDG_STATE_HOME/trireme/$name/access/certificate.pem
url=https://$here:$http_port
expect_text "$work/out" "launcher dashboard --cluster $name"
[[ $(code_of --cacert "$certificate" "$url/health") == 200 ]] || fail "no health over TLS"
[[ $(code_of --cacert "$certificate" "$url/json/status") == 401 ]] || fail "status without a token"
token=$("$launcher" token create --cluster "$name" --role read --name far 2>/dev/null)
[[ $(code_of --cacert "$certificate" -H "Authorization: Bearer $token" "$url/json/status") == 200 ]] || fail "status with a token"
[[ $(code_of "http://$here:$http_port/status") == 308 ]] || fail "plain HTTP is not sent to https"
TRIREME_SCHEDULER=$here:$http_port TRIREME_CERTIFICATE=$certificate TRIREME_TOKEN=$token \
  expect_exit 0 far "$launcher" status
expect_text "$work/out" node0
expect_exit 0 "$launcher" run --cluster "$name" --no-mpi -- /bin/echo from the owner
expect_text "$work/out" "[0] from the owner"

# Dask's port asks nobody, so it stays at home.
code=0
far bash -c "exec 3<>/dev/tcp/$here/$dask_port" 2>/dev/null || code=$?
[[ $code -ne 0 ]] || fail "the Dask port can be reached from elsewhere"
expect_exit 0 "$launcher" down --name "$name"

# Plain, only where it is wished, and with a warning.
up_on "$here" --insecure
expect_text "$work/err" "whoever reaches $here port $http_port can run programs as root"
[[ $(code_of "http://$here:$http_port/json/status") == 200 ]] || fail "status of an open port"
[[ $(code_of -H 'Host: evil.example' "http://$here:$http_port/json/status") == 421 ]] || fail "a name of others is served"
expect_exit 0 "$launcher" down --name "$name"
