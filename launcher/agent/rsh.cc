#include "agent/rsh.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "agent/line_channel.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

int run_remotely(const std::string& host, const std::vector<std::string>& words, const std::string& sockets,
                 const std::string& run_id) {
  const std::size_t place = sockets.find('%');
  if (place == std::string::npos) {
    throw ConfigError("launcher rsh is called by mpirun inside a run; TRIREME_NODE_SOCKETS is not set");
  }
  std::string path = sockets;
  path.replace(place, 1, host);
  std::string command;
  for (const std::string& word : words) command += (command.empty() ? "" : " ") + word;
  LineChannel channel(connect_unix(path));
  channel.send({{"type", "exec"}, {"run_id", run_id}, {"command", command}},
               {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
  const std::optional<std::string> answer = channel.receive();
  if (!answer) throw ConfigError(message("node {} hung up while it ran: {}", host, command));
  const nlohmann::json result = parse_line(*answer);
  if (result.contains("error")) throw ConfigError(message("node {}: {}", host, result.value("error", "")));
  return result.value("code", 1);
}

}  // namespace trireme::launcher
