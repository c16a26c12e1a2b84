#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "topo/machine_json.h"
#include "topo/machine_svg.h"
#include "topo/machine_text.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr int kMostLocalRanks = 1024;

struct TopoOptions {
  std::filesystem::path root = "/";
  std::string peer;
  int ranks = 0;
  bool json = false;
  std::string picture;
  std::string nccl_file;
};

void write_file(const std::string& path, const std::string& text, const std::string& what) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out)
    throw CommandError(kNoResource, message("cannot write {} to {}; give a file in a folder that exists", what, path));
}

int show_machine(const TopoOptions& options) {
  const auto machine = topology::inspect_machine({.root = options.root});
  const auto plan = plan_ranks(machine, options.ranks, options.peer);
  if (!options.picture.empty()) write_file(options.picture, machine_svg(machine, plan), "the picture");
  if (!options.nccl_file.empty()) {
    if (machine.gpus.gpus.empty())
      throw CommandError(kNoResource, "no GPU was found, so there is nothing to tell NCCL");
    write_file(options.nccl_file, topology::nccl_topology_xml(machine), "the description");
  }
  if (options.json) {
    std::cout << machine_json(machine, plan).dump(2) << '\n';
  } else if (options.picture.empty() && options.nccl_file.empty()) {
    std::cout << machine_text(machine, plan);
  }
  return kOk;
}

}  // namespace

void add_topo(CLI::App& app, Action& action) {
  auto options = std::make_shared<TopoOptions>();
  CLI::App* command = app.add_subcommand("topo", "Draw this machine, and what each of its ranks would use");
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--svg", options->picture, "Write a picture to this file");
  command->add_option("--nccl-topo", options->nccl_file, "Write a description for NCCL_TOPO_FILE to this file");
  command->add_option("--ranks", options->ranks, "Local ranks; one a GPU, or one, unless given")
      ->check(CLI::Range(1, kMostLocalRanks));
  command->add_option("--peer", options->peer, "IPv4 address of another node: sockets take the route to it");
  command->add_option("--sysfs-root", options->root, "Read /sys, /proc and the like below this folder")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  command->footer("Example: launcher topo --svg machine.svg");
  command->callback([options, &action] { action = [options] { return show_machine(*options); }; });
}

}  // namespace trireme::launcher
