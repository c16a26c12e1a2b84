#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace trireme::launcher {

// Where a rank stands and whom it may ask, as its agent knows it.
struct RankPlace {
  std::string run_id;
  std::string run_folder;
  std::string node;
  std::string agent_socket;
  std::string store;  // "host:port"
  std::string master_host;
  int master_port = 0;
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;
  int local_size = 1;
  int node_rank = 0;
  int node_count = 1;
  std::string shared_memory_folder;  // for Open MPI's backing files
  std::string temporary_folder;      // this node's
};

// The variables that Trireme sets for a rank: its own, torchrun's (unless `by_mpirun`: mpirun says who a rank is), and
// Open MPI's settings. OMP_NUM_THREADS is 1 for worlds above 1 unless `given` (the user's environment) has it.
[[nodiscard]] std::map<std::string, std::string> rank_variables(const RankPlace& place,
                                                                const std::map<std::string, std::string>& given,
                                                                bool by_mpirun);

// True for variables that say who a rank is or how it was launched; those of the user's shell must not reach a rank.
[[nodiscard]] bool is_launch_variable(const std::string& name);

// "K=V" entries for the program: what the agent ordered, and what mpirun set in this process.
[[nodiscard]] std::vector<std::string> program_environment(const nlohmann::json& ordered);

}  // namespace trireme::launcher
