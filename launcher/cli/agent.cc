#include "agent/agent.h"

#include <CLI/CLI.hpp>
#include <csignal>

#include "agent/child_process.h"
#include "cli/commands.h"

namespace trireme::launcher {

namespace {

struct AgentCommandOptions {
  std::string node;
  std::string host = "127.0.0.1";
  std::string scheduler;
  std::string folder;
  int gpus = 0;
  std::string certificate;
  std::string token_file;
};

int serve_node(const AgentCommandOptions& options) {
  signal(SIGPIPE, SIG_IGN);
  const std::filesystem::path folder(options.folder);
  Agent agent(
      {.place = {.node = options.node,
                 .host = options.host,
                 .launcher = own_path(),
                 .socket = (folder / "agent.sock").string(),
                 .sockets = (folder.parent_path() / "%" / "agent.sock").string(),
                 .folder = folder},
       .scheduler = options.scheduler,
       .access = options.certificate.empty() ? ClientAccess{} : client_access(options.certificate, options.token_file),
       .gpus = options.gpus});
  return agent.run();
}

}  // namespace

void add_agent(CLI::App& app, Action& action) {
  auto options = std::make_shared<AgentCommandOptions>();
  CLI::App* command = app.add_subcommand("agent", "Serve one node until the scheduler says stop")->group("");
  command->add_option("--node", options->node, "The node's name")->required();
  command->add_option("--host", options->host, "Address other nodes reach it at")->capture_default_str();
  command->add_option("--scheduler", options->scheduler, "HOST:PORT of the scheduler")->required();
  command->add_option("--folder", options->folder, "The node's own folder; its name is the node's")->required();
  command->add_option("--gpus", options->gpus, "GPUs the node offers")->capture_default_str();
  CLI::Option* token = command->add_option("--token-file", options->token_file, "File with a token of role node");
  command->add_option("--certificate", options->certificate, "What the scheduler shows, PEM; none: it speaks plainly")
      ->needs(token);
  command->footer("Example: launcher agent --node node0 --scheduler 127.0.0.1:8787 --folder /tmp/cluster/node0");
  command->callback([options, &action] { action = [options] { return serve_node(*options); }; });
}

}  // namespace trireme::launcher
