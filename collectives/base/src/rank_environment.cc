#include "trireme/base/rank_environment.h"

#include <sys/utsname.h>

#include <charconv>
#include <cstdlib>
#include <limits>

#include "slurm_nodes.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

namespace {

using Text = std::optional<std::string>;

// A lookup that knows how to complain.
class Variables {
 public:
  explicit Variables(const EnvironmentLookup& lookup) : lookup_(lookup) {}

  // An empty variable counts as unset: that is how shells clear one for a single command.
  [[nodiscard]] Text text(const std::string& name) const {
    auto value = lookup_(name);
    if (value && value->empty()) return std::nullopt;
    return value;
  }
  [[nodiscard]] bool has(const std::string& name) const { return text(name).has_value(); }

  [[nodiscard]] std::optional<int> number(const std::string& name, int lowest, int highest) const {
    const auto value = text(name);
    if (!value) return std::nullopt;
    int parsed = 0;
    const char* const end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, parsed);
    if (error == std::errc{} && stop == end && parsed >= lowest && parsed <= highest) return parsed;
    throw ConfigError(
        message("{}='{}' is not a whole number from {} to {}. Correct or unset it.", name, *value, lowest, highest));
  }
  [[nodiscard]] std::optional<int> rank(const std::string& name) const { return number(name, 0, kHighest - 1); }
  [[nodiscard]] std::optional<int> size(const std::string& name) const { return number(name, 1, kHighest); }

  // `present` is why `name` must be there.
  template <typename Value>
  [[nodiscard]] Value need(std::optional<Value> value, const std::string& name, const std::string& present) const {
    if (value) return *std::move(value);
    throw ConfigError(
        message("{} is set but {} is not. Set both, or start the program with launcher run, mpirun, srun "
                "or torchrun, which do.",
                present, name));
  }

 private:
  static constexpr int kHighest = 1 << 20;
  const EnvironmentLookup& lookup_;
};

std::string host_name() {
  utsname names{};
  ::uname(&names);
  return names.nodename;
}

void check_below(const char* rank_name, int rank, const char* size_name, int size) {
  if (rank < size) return;
  throw ConfigError(message("{}={} is not below {}={}. Ranks count from 0; correct one of the two.", rank_name, rank,
                            size_name, size));
}

void read_open_mpi(const Variables& variables, RankEnvironment& env) {
  const std::string present = "OMPI_COMM_WORLD_RANK";
  env.launched_by = LaunchedBy::kOpenMpi;
  env.has_mpi_launcher = true;
  env.rank = *variables.rank("OMPI_COMM_WORLD_RANK");
  env.world_size = variables.need(variables.size("OMPI_COMM_WORLD_SIZE"), "OMPI_COMM_WORLD_SIZE", present);
  env.local_rank = variables.need(variables.rank("OMPI_COMM_WORLD_LOCAL_RANK"), "OMPI_COMM_WORLD_LOCAL_RANK", present);
  env.local_world_size =
      variables.need(variables.size("OMPI_COMM_WORLD_LOCAL_SIZE"), "OMPI_COMM_WORLD_LOCAL_SIZE", present);
  check_below("OMPI_COMM_WORLD_RANK", env.rank, "OMPI_COMM_WORLD_SIZE", env.world_size);
  check_below("OMPI_COMM_WORLD_LOCAL_RANK", env.local_rank, "OMPI_COMM_WORLD_LOCAL_SIZE", env.local_world_size);
  // Open MPI does not number its nodes; equally filled ones, in rank order, are its default.
  env.node_rank = env.rank / env.local_world_size;
}

bool is_loopback(const Text& address) { return !address || *address == "localhost" || address->starts_with("127."); }

void read_local_ranks(const Variables& variables, RankEnvironment& env) {
  const auto local_rank = variables.rank("LOCAL_RANK");
  const auto local_size = variables.size("LOCAL_WORLD_SIZE");
  const bool one_node = !local_rank && !local_size && is_loopback(variables.text("MASTER_ADDR"));
  env.local_rank = one_node ? env.rank : variables.need(local_rank, "LOCAL_RANK", "RANK");
  env.local_world_size = one_node ? env.world_size : variables.need(local_size, "LOCAL_WORLD_SIZE", "RANK");
}

void read_torchrun(const Variables& variables, RankEnvironment& env) {
  env.launched_by = LaunchedBy::kTorchrun;
  env.rank = variables.need(variables.rank("RANK"), "RANK", "WORLD_SIZE");
  env.world_size = variables.need(variables.size("WORLD_SIZE"), "WORLD_SIZE", "RANK");
  check_below("RANK", env.rank, "WORLD_SIZE", env.world_size);
  read_local_ranks(variables, env);
  check_below("LOCAL_RANK", env.local_rank, "LOCAL_WORLD_SIZE", env.local_world_size);
  env.node_rank = variables.rank("GROUP_RANK").value_or(env.rank / env.local_world_size);
  env.master_is_torch_store = variables.has("TORCHELASTIC_RUN_ID");
}

// Slurm has no rendezvous of its own: every task of a step can derive the same address from what all of them see.
void derive_slurm_master(const Variables& variables, RankEnvironment& env) {
  constexpr int kFirstPort = 20000;
  constexpr int kPorts = 10000;
  const auto nodes = variables.text("SLURM_STEP_NODELIST") ? variables.text("SLURM_STEP_NODELIST")
                                                           : variables.text("SLURM_JOB_NODELIST");
  if (nodes) env.master_addr = detail::first_slurm_host(*nodes);
  const auto job = variables.number("SLURM_JOB_ID", 0, std::numeric_limits<int>::max());
  const auto step = variables.number("SLURM_STEP_ID", 0, std::numeric_limits<int>::max()).value_or(0);
  if (job) env.master_port = static_cast<std::uint16_t>(kFirstPort + (std::int64_t{*job} * 16 + step) % kPorts);
}

void read_slurm(const Variables& variables, RankEnvironment& env) {
  const std::string present = "SLURM_PROCID";
  const char* const size_name = variables.has("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
  env.launched_by = LaunchedBy::kSlurm;
  // srun --mpi=pmix or pmi2 prepares MPI_Init; a plain srun does not, and MPI_Init would give a world of 1.
  env.has_mpi_launcher = variables.has("PMIX_RANK") || variables.has("PMI_RANK");
  env.rank = *variables.rank("SLURM_PROCID");
  env.world_size = variables.need(variables.size(size_name), size_name, present);
  check_below("SLURM_PROCID", env.rank, size_name, env.world_size);
  env.local_rank = variables.need(variables.rank("SLURM_LOCALID"), "SLURM_LOCALID", present);
  env.node_rank = variables.rank("SLURM_NODEID").value_or(0);
  auto tasks = variables.text("SLURM_STEP_TASKS_PER_NODE");
  if (!tasks) tasks = variables.text("SLURM_TASKS_PER_NODE");
  const auto local = tasks ? detail::slurm_tasks_on_node(*tasks, env.node_rank) : std::optional(env.world_size);
  env.local_world_size = variables.need(local, "SLURM_STEP_TASKS_PER_NODE for this node", present);
  check_below("SLURM_LOCALID", env.local_rank, "the tasks on this node", env.local_world_size);
  derive_slurm_master(variables, env);
}

// The shell of a batch script has SLURM_PROCID=0 too, but is not one of the tasks: only srun sets the step's variables.
bool is_slurm_task(const Variables& variables) {
  if (!variables.has("SLURM_PROCID")) return false;
  return variables.has("SLURM_STEP_NUM_TASKS") || variables.text("ENVIRONMENT") != "BATCH";
}

void check_agreement(const Variables& variables, const RankEnvironment& env) {
  const auto rank = variables.rank("RANK");
  const auto size = variables.size("WORLD_SIZE");
  if ((!rank || *rank == env.rank) && (!size || *size == env.world_size)) return;
  throw ConfigError(message(
      "mpirun says rank {} of {} (OMPI_COMM_WORLD_RANK, _SIZE), but RANK={} WORLD_SIZE={}. Unset "
      "RANK and WORLD_SIZE, or do not start the program with mpirun.",
      env.rank, env.world_size, rank ? std::to_string(*rank) : "unset", size ? std::to_string(*size) : "unset"));
}

void read_identity(const Variables& variables, RankEnvironment& env) {
  const bool has_torch_ranks = variables.has("RANK") || variables.has("WORLD_SIZE");
  if (has_torch_ranks && variables.has("TORCHELASTIC_RUN_ID")) return read_torchrun(variables, env);
  if (variables.has("OMPI_COMM_WORLD_RANK")) {
    read_open_mpi(variables, env);
    return check_agreement(variables, env);
  }
  if (has_torch_ranks) return read_torchrun(variables, env);
  if (is_slurm_task(variables)) read_slurm(variables, env);
}

void read_addresses(const Variables& variables, RankEnvironment& env) {
  if (auto address = variables.text("MASTER_ADDR")) env.master_addr = std::move(address);
  const auto port = variables.number("MASTER_PORT", 1, std::numeric_limits<std::uint16_t>::max());
  if (port) env.master_port = static_cast<std::uint16_t>(*port);
  env.store = variables.text("TRIREME_STORE");
  env.status_socket = variables.text("TRIREME_STATUS_SOCKET");
  env.run_id = variables.text("TRIREME_RUN_ID");
  env.run_dir = variables.text("TRIREME_RUN_DIR");
}

std::string node_name(const Variables& variables) {
  const auto ours = variables.text("TRIREME_NODE");
  if (ours && *ours != "host") return *ours;
  if (ours) return host_name();
  return variables.text("SLURMD_NODENAME").value_or(host_name());
}

}  // namespace

const char* to_string(LaunchedBy launched_by) {
  switch (launched_by) {
    case LaunchedBy::kNothing:
      return "nothing";
    case LaunchedBy::kOpenMpi:
      return "Open MPI";
    case LaunchedBy::kTorchrun:
      return "torchrun";
    case LaunchedBy::kSlurm:
      return "Slurm";
    case LaunchedBy::kTriremeLauncher:
      return "launcher";
  }
  return "unknown";
}

EnvironmentLookup process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

RankEnvironment read_rank_environment(const EnvironmentLookup& lookup) {
  const Variables variables(lookup);
  RankEnvironment env;
  read_identity(variables, env);
  read_addresses(variables, env);
  env.node = node_name(variables);
  if (env.run_id) env.launched_by = LaunchedBy::kTriremeLauncher;
  return env;
}

}  // namespace trireme
