#include "jobs/mpirun_command.h"

#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

std::string host_list(const std::vector<Share>& shares) {
  std::string hosts;
  for (const Share& share : shares) {
    if (!hosts.empty()) hosts += ',';
    hosts += message("{}:{}", share.node, share.ranks);
  }
  return hosts;
}

void set(std::vector<std::string>& command, const std::string& key, const std::string& value) {
  command.insert(command.end(), {"--mca", key, value});
}

}  // namespace

std::vector<std::string> mpirun_command(const MpirunOptions& options, const std::vector<Share>& shares) {
  int ranks = 0;
  for (const Share& share : shares) ranks += share.ranks;
  std::vector<std::string> command = {options.mpirun};
  set(command, "plm", "rsh");
  set(command, "plm_rsh_agent", options.launcher + " rsh");
  set(command, "plm_rsh_no_tree_spawn", "1");
  set(command, "routed", "direct");
  set(command, "orte_keep_fqdn_hostnames", "1");
  set(command, "mpi_yield_when_idle", "1");
  if (!options.interface.empty()) {
    set(command, "oob_tcp_if_include", options.interface);
    set(command, "btl_tcp_if_include", options.interface);
  }
  command.insert(command.end(), {"--oversubscribe", "--bind-to", "none", "--map-by", "slot"});
  command.insert(command.end(), {"--host", host_list(shares), "-np", std::to_string(ranks)});
  command.insert(command.end(), {options.launcher, "rank", "--run", options.run_id});
  return command;
}

}  // namespace trireme::launcher
