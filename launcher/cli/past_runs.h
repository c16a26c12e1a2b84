#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "scheduler/snapshot.h"
#include "store/log_book.h"

// Runs of a cluster that is down: straight from its state folder.
namespace trireme::launcher {

// Newest first. Throws CommandError (kNotFound) when no cluster of that name ever ran here.
[[nodiscard]] std::vector<RunView> load_past_runs(const std::string& cluster);
// Throws CommandError (kNotFound) when there is no such run.
[[nodiscard]] RunView load_past_run(const std::string& cluster, const std::string& run_id);
[[nodiscard]] std::vector<MetricPoint> load_past_metrics(const std::string& cluster, const std::string& run_id);
void print_past_log(const std::string& cluster, const std::string& run_id,
                    const std::function<void(const LogEntry&)>& print);

// The options of `logs` and of `runs logs`, which are one command.
void add_logs_options(CLI::App& command, Action& action);

}  // namespace trireme::launcher
