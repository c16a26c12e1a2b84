#pragma once

#include <map>
#include <string>
#include <vector>

namespace trireme::launcher {

// Who starts a run's ranks: mpirun through the node agents, or the agents themselves.
enum class Starter { kMpirun, kAgents };

// With whom a run is on nodes that have GPUs. On others it makes no difference.
enum class GpuUse {
  kOrdinary,   // with other runs, but not with one that has the GPUs for itself
  kExclusive,  // has the GPUs of its nodes for itself, as Dask workers of GPUs do
  kShared,     // with any
};

// What a user asked to run. A plain value.
struct RunSpec {
  std::string name;                  // empty: the program's base name
  std::vector<std::string> command;  // the program's absolute path and its arguments
  int ranks = 0;                     // 0: one per node, or one per GPU where nodes have GPUs
  int nodes = 0;                     // 0: as many as there are ranks, at most all
  std::string node;                  // the one it is bound to; empty: any
  bool follows_nodes = false;        // a run of one rank on every node, also on those that come later
  Starter starter = Starter::kAgents;
  GpuUse gpu_use = GpuUse::kOrdinary;
  std::string working_directory;
  std::map<std::string, std::string> environment;
  friend bool operator==(const RunSpec&, const RunSpec&) = default;
};

inline constexpr int kMostNodes = 256;
inline constexpr int kMostRanks = 4096;

// The name shown for the run: what was given, else the program's base name.
[[nodiscard]] std::string display_name(const RunSpec& spec);

// "killed by signal 9 (SIGKILL)" when `signal` is not 0, else "exited with 3".
[[nodiscard]] std::string describe_exit(int code, int signal);

}  // namespace trireme::launcher
