#include "cli/dask_workers.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <thread>

#include "cli/exit_codes.h"
#include "cli/shell_environment.h"
#include "jobs/program.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

std::filesystem::path find_dask(const std::map<std::string, std::string>& environment) {
  const auto path = environment.find("PATH");
  const std::string folders = path == environment.end() ? "/usr/bin:/bin" : path->second;
  try {
    return resolve_program("dask", std::filesystem::current_path(), folders);
  } catch (const ConfigError&) {
    throw CommandError(kNoResource,
                       message("no `dask` was found on PATH ({}); install it (pip install distributed), or say how a "
                               "worker is started: launcher up --dask='/path/to/python -m distributed.cli.dask_worker'",
                               folders));
  }
}

// A worker that fails is started again. Four that last less than half a minute each in a row end its run. A worker that
// is told to go, or goes well, does not come back.
constexpr std::string_view kStartAgain = R"(trap 'leaving=1' TERM INT
failures=0
until begun=$(date +%s); {}; do
  code=$?
  [ -z "$leaving" ] || exit $code
  if [ $(($(date +%s) - begun)) -lt 30 ]; then failures=$((failures + 1)); else failures=1; fi
  [ $failures -lt 4 ] || exit $code
  echo "the Dask worker of $TRIREME_NODE ended with code $code and is started again" >&2
  sleep 1
done)";

// Local nodes share one machine's cores.
int threads_of_a_node(const ClusterRecord& cluster) {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / std::max(1, cluster.nodes));
}

std::string default_command(const ClusterRecord& cluster, const std::map<std::string, std::string>& environment,
                            bool gpu) {
  const std::string dask = find_dask(environment).string();
  if (gpu) return message("'{}' cuda worker --resources GPU=1", dask);
  return message("'{}' worker --nthreads {}", dask, threads_of_a_node(cluster));
}

}  // namespace

RunSpec dask_worker(const ClusterRecord& cluster, const std::string& command, bool gpu) {
  RunSpec spec{.name = kDaskWorker,
               .follows_nodes = true,
               .gpu_use = gpu ? GpuUse::kExclusive : GpuUse::kOrdinary,
               .working_directory = std::filesystem::current_path().string(),
               .environment = shell_environment()};
  const std::string worker = command.empty() ? default_command(cluster, spec.environment, gpu) : command;
  const std::string once = message("{} tcp://{}:{} --name \"$TRIREME_NODE\"", worker, cluster.host, cluster.dask_port);
  spec.command = {"/bin/sh", "-c", message(kStartAgain, once)};
  return spec;
}

}  // namespace trireme::launcher
