#include "cli/shell_environment.h"

#include <unistd.h>

#include "agent/rank_variables.h"
#include "cli/exit_codes.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

std::map<std::string, std::string> shell_environment(const std::vector<std::string>& added) {
  std::map<std::string, std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || is_launch_variable(text.substr(0, equals))) continue;
    environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const std::string& text : added) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw CommandError(kBadInput, message("--env {} is not of the form KEY=VALUE", text));
    }
    environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return environment;
}

}  // namespace trireme::launcher
