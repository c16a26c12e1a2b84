#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "doctor/machine_checks.h"
#include "doctor/process_checks.h"
#include "jobs/program.h"
#include "topo/machine_text.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr int kMostPorts = 1000;

struct DoctorOptions {
  std::filesystem::path root = "/";
  std::string port_range;
  std::vector<std::string> peers;
  std::string program;
  bool json = false;
};

// "8786-8787" or "8787".
std::vector<std::uint16_t> ports_of(const std::string& text) {
  std::vector<std::uint16_t> ports;
  const auto dash = text.find('-');
  const auto read = [](std::string_view part) {
    int port = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), port);
    return parsed.ec == std::errc{} && parsed.ptr == part.data() + part.size() ? port : 0;
  };
  const int first = read(std::string_view(text).substr(0, dash));
  const int last = dash == std::string::npos ? first : read(std::string_view(text).substr(dash + 1));
  if (first < 1 || last > 65535 || last < first || last - first >= kMostPorts) {
    throw CommandError(kBadInput, message("--port-range {} is no range of at most {} ports; write for example "
                                          "--port-range 29500-29531",
                                          text, kMostPorts));
  }
  for (int port = first; port <= last; ++port) ports.push_back(static_cast<std::uint16_t>(port));
  return ports;
}

std::string program_of(const DoctorOptions& options) {
  if (options.program.empty()) return {};
  const char* path = std::getenv("PATH");
  return resolve_program(options.program, std::filesystem::current_path(), path == nullptr ? "" : path).string();
}

int examine(const DoctorOptions& options) {
  const bool is_here = options.root == "/";
  const auto machine = topology::inspect_machine({.root = options.root});
  auto findings = examine_machine(machine);
  if (is_here) {
    const auto facts = gather_facts({.interface = topology::choose_interface(machine, "").name,
                                     .ports = ports_of(options.port_range.empty() ? "8786-8787" : options.port_range),
                                     .peers = options.peers,
                                     .program = program_of(options)});
    const auto more = examine_process(facts, machine);
    findings.insert(findings.end(), more.begin(), more.end());
  }
  if (options.json) {
    std::cout << findings_json(findings).dump(2) << '\n';
  } else {
    std::cout << machine_title(machine) << "\n\n" << findings_text(findings, isatty(STDOUT_FILENO) != 0);
    if (!is_here) std::cout << "limits, clock, ports and libraries are this machine's and were not looked at\n";
  }
  return is_anything_wrong(findings) ? kFailed : kOk;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor", "Check this machine: what is wrong, what it costs, the fix");
  command->add_flag("--json", options->json, "Print {ok, findings}");
  command->add_option("--port-range", options->port_range, "Ports to try, FIRST-LAST; 8786-8787 unless given");
  command->add_option("--connect", options->peers, "HOST:PORT of another node to reach; repeatable")
      ->take_all()
      ->expected(1);
  command->add_option("--program", options->program, "Look at the libraries this program loads");
  command
      ->add_option("--sysfs-root", options->root, "Read /sys, /proc and the like below this folder, and nothing else")
      ->check(CLI::ExistingDirectory);
  command->footer(
      "Example: launcher doctor --port-range 29500-29531 --connect 10.0.0.5:8787\n"
      "Returns 0 when nothing is wrong, 1 when there is a warning or an error.");
  command->callback([options, &action] { action = [options] { return examine(*options); }; });
}

}  // namespace trireme::launcher
