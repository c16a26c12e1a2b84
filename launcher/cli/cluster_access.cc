#include "cli/cluster_access.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "access/private_file.h"
#include "access/served_names.h"
#include "cli/exit_codes.h"
#include "providers/owner_client.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr const char* kRemote = "remote";

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

ClusterRecord remote_cluster(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;
  const char* end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + std::min(colon, address.size() - 1) + 1, end, port);
  if (colon == std::string::npos || colon == 0 || parsed.ec != std::errc{} || parsed.ptr != end) {
    throw CommandError(kBadInput, message("TRIREME_SCHEDULER={} is not of the form HOST:PORT", address));
  }
  return {.name = "default",
          .provider = kRemote,
          .host = host_without_port(address),
          .http_port = port,
          .listen = host_without_port(address),
          .certificate = setting("TRIREME_CERTIFICATE")};
}

// What somebody who is not the cluster's owner was given.
std::string given_token() {
  const std::string token = setting("TRIREME_TOKEN");
  const std::string file = setting("TRIREME_TOKEN_FILE");
  return token.empty() && !file.empty() ? read_secret_file(file) : token;
}

}  // namespace

std::optional<ClusterRecord> find_cluster(const std::string& name) {
  const std::string remote = setting("TRIREME_SCHEDULER");
  return name == "default" && !remote.empty() ? remote_cluster(remote) : load_cluster(name);
}

ClusterRecord require_cluster(const std::string& name) {
  if (const std::optional<ClusterRecord> record = find_cluster(name)) return *record;
  std::string others;
  for (const std::string& other : known_clusters()) others += (others.empty() ? "" : ", ") + other;
  const std::string hint = others.empty() ? "" : message("; up are: {} (choose with --cluster)", others);
  throw CommandError(kNotFound, message("no cluster {} is up{}; start one: launcher up --nodes 4{}", name, hint,
                                        name == "default" ? "" : " --name " + name));
}

ClusterLock lock_cluster(const std::string& name) {
  if (std::optional<ClusterLock> lock = ClusterLock::take(name)) return std::move(*lock);
  throw CommandError(kConflict, message("another launcher is bringing cluster {} up or down; wait for it and see: "
                                        "launcher status",
                                        name));
}

std::string cluster_option(const std::string& name) { return name == "default" ? "" : " --cluster " + name; }

SchedulerClient connect_to(const ClusterRecord& record) {
  const std::string token = given_token();
  if (token.empty() && record.provider != kRemote) return connect_as_owner(record);
  ClientAccess access{.token = token};
  if (!record.certificate.empty()) access.certificate = read_private_file(record.certificate);
  return SchedulerClient(http_address(record), access);
}

bool is_answering(const ClusterRecord& record) try {
  return connect_as_owner(record).status(std::chrono::seconds(1)).name == record.name;
} catch (const UnreachableError&) {
  return false;
} catch (const AccessError&) {
  return true;
}

}  // namespace trireme::launcher
