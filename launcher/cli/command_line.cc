#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "providers/provider.h"
#include "scheduler/client.h"
#include "trireme/base/message.h"
#include "trireme/base/version.h"

namespace trireme::launcher {

namespace {

int complain(ExitCode code, const std::string& what) {
  std::cerr << "launcher: error: " << what << '\n';
  return code;
}

// The deepest subcommand the user got to, for the hint where help is.
std::string chosen_command(const CLI::App& app) {
  std::string path = "launcher";
  const CLI::App* current = &app;
  while (!current->get_subcommands().empty()) {
    current = current->get_subcommands().front();
    path += ' ' + current->get_name();
  }
  return path;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

int parse(CLI::App& app, const ProgramWords& words, Action& action) {
  try {
    app.parse(std::vector<std::string>(words.launcher.rbegin(), words.launcher.rend()));  // CLI11 wants the last first
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return complain(kBadInput, message("{}; see: {} --help", first_line(error.what()), chosen_command(app)));
  }
  return action ? action() : complain(kBadInput, "no command was given; see: launcher --help");
}

void add_commands(CLI::App& app, Action& action, const ProgramWords& words) {
  add_up(app, action);
  add_down(app, action);
  add_scale(app, action);
  add_status(app, action);
  add_top(app, action);
  add_run(app, action, words);
  add_submit(app, action, words);
  add_logs(app, action);
  add_cancel(app, action);
  add_rerun(app, action);
  add_drain(app, action);
  add_undrain(app, action);
  add_runs(app, action);
  add_token(app, action);
  add_dashboard(app, action);
  add_debug(app, action);
  add_topo(app, action);
  add_doctor(app, action);
  add_scheduler(app, action);
  add_agent(app, action);
  add_rank(app, action);
  add_rsh(app, action);
}

}  // namespace

int run_command_line(int argc, char** argv) noexcept try {
  if (is_rsh(argc, argv)) return be_rsh(argc, argv);
  CLI::App app("Trireme's launcher: clusters, runs, and what became of them", "launcher");
  app.set_version_flag("--version", message("launcher {}", version()));
  app.footer(
      "Example: launcher up --nodes 4 && launcher run -n 4 -- ./train_gpt2; launcher down\n"
      "Exit codes: 0 ok, 1 failed, 2 bad input, 3 no such cluster or run, 4 already up, 5 unreachable, 6 ports or "
      "GPUs\n"
      "missing, 7 not allowed; run returns the program's own.");
  app.require_subcommand(0, 1);
  app.add_option_function<std::string>(
      "--token-file", [](const std::string& file) { setenv("TRIREME_TOKEN_FILE", file.c_str(), 1); },
      "A token to come with instead of the owner's; before the command");
  Action action;
  const ProgramWords words = split_at_program({argv + std::min(argc, 1), argv + argc});
  add_commands(app, action, words);
  return parse(app, words, action);
} catch (const CommandError& error) {
  return complain(error.code(), error.what());
} catch (const ResourceError& error) {
  return complain(kNoResource, error.what());
} catch (const NotFoundError& error) {
  return complain(kNotFound, error.what());
} catch (const UnreachableError& error) {
  return complain(kUnreachable, error.what());
} catch (const AccessError& error) {
  return complain(kDenied, error.what());
} catch (const DataError& error) {
  return complain(kNoResource, error.what());
} catch (const ConfigError& error) {
  return complain(kBadInput, error.what());
} catch (const std::exception& error) {
  return complain(kFailed, error.what());
}

}  // namespace trireme::launcher
