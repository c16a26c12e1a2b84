#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output_printer.h"
#include "cli/shell_environment.h"
#include "cli/tables.h"
#include "jobs/program.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct RunOptions {
  std::string cluster = "default";
  std::string name;
  int ranks = 0;
  int nodes = 0;
  std::string node;
  bool mpi = false;
  bool no_mpi = false;
  bool share_gpus = false;
  bool json = false;
  std::vector<std::string> variables;
  std::vector<std::string> command;
};

bool wants_mpi(const RunOptions& options, const std::filesystem::path& program) {
  if (options.no_mpi) return false;
  if (!options.mpi && !loads_mpi(program)) return false;
  try {
    static_cast<void>(resolve_program("mpirun", ".", std::getenv("PATH") == nullptr ? "" : std::getenv("PATH")));
  } catch (const ConfigError&) {
    throw CommandError(kNoResource,
                       message("{} is an MPI program and mpirun was not found; install openmpi-bin, or give "
                               "--no-mpi",
                               program.string()));
  }
  return true;
}

// The program comes after --, always: without it a program's options would be taken for ours, or ours for the
// program's.
std::vector<std::string> require_program(const CLI::App& command, const ProgramWords& words) {
  const std::string verb = command.get_name();
  const std::vector<std::string> unexpected = command.remaining();
  if (!unexpected.empty() && unexpected.front().starts_with('-')) {
    throw CommandError(
        kBadInput, message("launcher {} has no option {}; see: launcher {} --help", verb, unexpected.front(), verb));
  }
  if (!unexpected.empty()) {
    throw CommandError(kBadInput, message("the program and its arguments come after --; type: {}",
                                          with_program_set_apart(words, unexpected.size())));
  }
  if (words.program.empty()) {
    throw CommandError(kBadInput,
                       message("launcher {} needs a program after --; type: launcher {} -n 4 -- PROGRAM", verb, verb));
  }
  return words.program;
}

RunSpec to_spec(const RunOptions& options) {
  if (options.mpi && options.no_mpi) throw CommandError(kBadInput, "--mpi and --no-mpi exclude each other");
  const std::filesystem::path here = std::filesystem::current_path();
  RunSpec spec{.name = options.name,
               .command = options.command,
               .ranks = options.ranks,
               .nodes = options.nodes,
               .node = options.node,
               .working_directory = here.string(),
               .environment = shell_environment(options.variables)};
  const auto path = spec.environment.find("PATH");
  const std::filesystem::path program =
      resolve_program(options.command.front(), here, path == spec.environment.end() ? "/usr/bin:/bin" : path->second);
  spec.command.front() = program.string();
  if (options.share_gpus) spec.gpu_use = GpuUse::kShared;
  spec.starter = wants_mpi(options, program) ? Starter::kMpirun : Starter::kAgents;
  return spec;
}

// Turns Ctrl-C into a cancellation, a second one into a kill, while the run is followed. The signals are blocked in
// every other thread.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  // Until the returned thread is joined, which comes before the client's end.
  [[nodiscard]] std::jthread forward_to(SchedulerClient& client, const std::string& run_id) const {
    return std::jthread([this, &client, run_id](const std::stop_token& stop) { work(stop, client, run_id); });
  }

 private:
  void work(const std::stop_token& stop, SchedulerClient& client, const std::string& run_id) const {
    bool force = false;
    while (!stop.stop_requested()) {
      const timespec wake{0, 100'000'000};
      const int signal = sigtimedwait(&signals_, nullptr, &wake);
      if (signal < 0) continue;
      std::cerr << message("launcher: {} {}{}\n", force ? "killing" : "cancelling", run_id,
                           force ? "" : " (again: kill at once)");
      try {
        client.cancel(run_id, force, signal == SIGINT ? "Ctrl-C" : sigdescr_np(signal));
      } catch (const Error& error) {
        std::cerr << message("launcher: error: {}\n", error.what());
      }
      force = true;
    }
  }

  sigset_t signals_{};
};

int report_end(const RunView& run, const std::string& cluster) {
  if (run.status == "succeeded") return kOk;
  if (run.status == "cancelled") {
    std::cerr << message("launcher: {} was {}\n", run.run_id, run.reason.empty() ? "cancelled" : run.reason);
    return run.exit_code.value_or(kFailed);
  }
  std::cerr << message("launcher: error: run {} failed: {}; see: launcher logs{} {}\n", run.run_id, run.reason,
                       cluster_option(cluster), run.run_id)
            << format_failure(run);
  return run.exit_code.value_or(kFailed);
}

void show_progress(const RunView& run) {
  if (run.status == "queued") std::cerr << message("launcher: {} {}\n", run.run_id, run.reason);
}

int run_attached(const RunOptions& options) {
  const RunSpec spec = to_spec(options);
  const ClusterRecord record = require_cluster(options.cluster);
  Interrupts interrupts;
  SchedulerClient client = connect_to(record);
  const std::string run_id = client.submit(spec);
  const std::jthread forwarding = interrupts.forward_to(client, run_id);
  OutputPrinter printer;
  try {
    client.follow(run_id, true,
                  {.on_line = [&](const LogEntry& entry) { printer.print(entry); }, .on_run = show_progress});
  } catch (const UnreachableError& error) {
    throw UnreachableError(message("{}; follow {} then with: launcher logs -f{} {}", error.what(), run_id,
                                   cluster_option(options.cluster), run_id));
  }
  return report_end(client.run(run_id), options.cluster);
}

int submit_detached(const RunOptions& options) {
  const RunSpec spec = to_spec(options);
  const ClusterRecord record = require_cluster(options.cluster);
  const std::string run_id = connect_to(record).submit(spec);
  if (options.json) {
    std::cout << nlohmann::json{{"run_id", run_id}}.dump() << '\n';
  } else {
    std::cout << run_id << '\n';
    const std::string option = cluster_option(options.cluster);
    std::cerr << message("follow it: launcher logs -f{} {}   end it: launcher cancel{} {}\n", option, run_id, option,
                         run_id);
  }
  return kOk;
}

CLI::App* add_options(CLI::App& app, const std::string& verb, const std::string& what,
                      const std::shared_ptr<RunOptions>& options) {
  CLI::App* command = app.add_subcommand(verb, what);
  command->add_option("-n,--ranks", options->ranks, "Ranks in all; one per node (or GPU) unless given")
      ->check(CLI::Range(1, kMostRanks));
  command->add_option("--nodes", options->nodes, "Nodes to use; as many as there are ranks, at most all, unless given")
      ->check(CLI::Range(1, kMostNodes));
  command->add_option("--node", options->node, "The node to use, such as node1; the least loaded ones unless given");
  command->add_option("--name", options->name, "A name for the run; the program's unless given");
  command->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command->add_flag("--share-gpus", options->share_gpus, "Start also where Dask workers have the GPUs for themselves");
  command->add_flag("--mpi", options->mpi, "Start with mpirun; found out by itself for programs that load libmpi");
  command->add_flag("--no-mpi", options->no_mpi, "Start without mpirun, with torchrun's variables");
  command->add_option("--env", options->variables, "KEY=VALUE for every rank, on top of this shell's; repeatable")
      ->take_all()
      ->expected(1);
  command->prefix_command();  // what is no option is kept for require_program()
  return command;
}

}  // namespace

void add_run(CLI::App& app, Action& action, const ProgramWords& words) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = add_options(app, "run", "Run a program on the nodes and wait for it", options);
  command->footer(
      "Example: launcher run -n 4 -- ./train_gpt2 --steps 300\n"
      "What follows -- is the program and its arguments.\n"
      "Lines are shown as '[rank] line'. Ctrl-C cancels the run, a second one kills it.\n"
      "Returns the program's exit code: of the rank that failed first, 128 + signal when a signal ended it.");
  command->callback([options, command, &action, &words] {
    options->command = require_program(*command, words);
    action = [options] { return run_attached(*options); };
  });
}

void add_submit(CLI::App& app, Action& action, const ProgramWords& words) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = add_options(app, "submit", "Run a program on the nodes and return at once", options);
  command->add_flag("--json", options->json, "Print {run_id}");
  command->footer(
      "Example: launcher submit -n 4 -- ./train_gpt2 --steps 2000\n"
      "What follows -- is the program and its arguments.");
  command->callback([options, command, &action, &words] {
    options->command = require_program(*command, words);
    action = [options] { return submit_detached(*options); };
  });
}

}  // namespace trireme::launcher
