#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

// Where a rank stands, as told by whatever launched it.
namespace trireme {

enum class LaunchedBy { kNothing, kOpenMpi, kTorchrun, kSlurm, kTriremeLauncher };
[[nodiscard]] const char* to_string(LaunchedBy launched_by);

// Identity of a rank and the addresses it needs to find the others. A plain value; read from environment variables
// once.
struct RankEnvironment {
  LaunchedBy launched_by = LaunchedBy::kNothing;
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;        // among the ranks of this node
  int local_world_size = 1;  // ranks on this node
  int node_rank = 0;
  // Name of the node. Ranks of one node may share memory; ranks of two nodes never do, even on one kernel.
  // TRIREME_NODE, else Slurm's node name, else the host name. TRIREME_NODE=host gives the host name too, which joins
  // all ranks of one kernel.
  std::string node{};
  // True when the ranks were started by an MPI launcher, so that MPI_Init will give the same world.
  bool has_mpi_launcher = false;
  // MASTER_ADDR and MASTER_PORT. Under srun without them: the first host of the step, and a port made of the job's id.
  std::optional<std::string> master_addr{};
  std::optional<std::uint16_t> master_port{};
  // True when torchrun's own agent already serves a TCPStore of torch's on master_port, so that nobody else can bind
  // it.
  bool master_is_torch_store = false;
  std::optional<std::string> store{};          // TRIREME_STORE, "host:port" of a running store
  std::optional<std::string> status_socket{};  // TRIREME_STATUS_SOCKET, the agent's unix socket
  std::optional<std::string> run_id{};         // TRIREME_RUN_ID
  std::optional<std::string> run_dir{};        // TRIREME_RUN_DIR
};

// Looks up one environment variable; nullopt when unset.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// The process environment (getenv).
[[nodiscard]] EnvironmentLookup process_environment();

// Reads Open MPI's (OMPI_COMM_WORLD_*), torchrun's (RANK, WORLD_SIZE, …) or Slurm's (SLURM_PROCID, …) variables, in
// that order, and our own TRIREME_*. None set: a world of one. torchrun started by mpirun (TORCHELASTIC_RUN_ID is set)
// wins over Open MPI. RANK and WORLD_SIZE alone, set by hand, mean one node when MASTER_ADDR is absent or loopback.
// Throws ConfigError naming variable and value when one is missing or contradicts another (rank >= world_size, not a
// number, Open MPI and torchrun disagree).
[[nodiscard]] RankEnvironment read_rank_environment(const EnvironmentLookup& lookup = process_environment());

}  // namespace trireme
