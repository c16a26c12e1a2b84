#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/program_words.h"

namespace CLI {
class App;
}

// One function a subcommand: adds it to `app`, with its options, help and example. When the command line chooses it,
// `action` becomes what it does; the action returns the exit code and throws CommandError and other Errors.
namespace trireme::launcher {

using Action = std::function<int()>;

void add_up(CLI::App& app, Action& action);
void add_down(CLI::App& app, Action& action);
void add_scale(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_top(CLI::App& app, Action& action);
// `words` outlives the action.
void add_run(CLI::App& app, Action& action, const ProgramWords& words);
void add_submit(CLI::App& app, Action& action, const ProgramWords& words);
void add_logs(CLI::App& app, Action& action);
void add_cancel(CLI::App& app, Action& action);
void add_rerun(CLI::App& app, Action& action);
void add_drain(CLI::App& app, Action& action);
void add_undrain(CLI::App& app, Action& action);
void add_runs(CLI::App& app, Action& action);
void add_token(CLI::App& app, Action& action);
void add_dashboard(CLI::App& app, Action& action);
void add_debug(CLI::App& app, Action& action);
void add_topo(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);

// Started by the launcher itself; hidden from the help.
void add_scheduler(CLI::App& app, Action& action);
void add_agent(CLI::App& app, Action& action);
void add_rank(CLI::App& app, Action& action);
void add_rsh(CLI::App& app, Action& action);

// `launcher rsh HOST WORDS…` is not parsed: mpirun's words look like options and are not ours to interpret.
[[nodiscard]] bool is_rsh(int argc, char** argv);
int be_rsh(int argc, char** argv);

}  // namespace trireme::launcher
