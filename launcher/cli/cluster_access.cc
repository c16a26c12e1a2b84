#include "cli/cluster_access.h"

#include "cli/exit_codes.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

ClusterRecord require_cluster(const std::string& name) {
  if (const std::optional<ClusterRecord> record = load_cluster(name)) return *record;
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

SchedulerClient connect_to(const ClusterRecord& record) { return SchedulerClient(record.host, record.http_port); }

bool is_answering(const ClusterRecord& record) try {
  return connect_to(record).status(std::chrono::seconds(1)).name == record.name;
} catch (const UnreachableError&) {
  return false;
}

}  // namespace trireme::launcher
