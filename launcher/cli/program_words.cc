#include "cli/program_words.h"

#include <algorithm>

#include "jobs/shell_words.h"

namespace trireme::launcher {

namespace {

bool starts_programs(const std::vector<std::string>& words) {
  auto command = words.begin();
  while (command != words.end() && command->starts_with('-')) {
    if (*command == "--token-file" && command + 1 != words.end()) ++command;  // its value
    ++command;
  }
  return command != words.end() && (*command == "run" || *command == "submit");
}

}  // namespace

ProgramWords split_at_program(std::vector<std::string> words) {
  ProgramWords split;
  const auto mark = starts_programs(words) ? std::find(words.begin(), words.end(), "--") : words.end();
  split.launcher.assign(words.begin(), mark);
  if (mark != words.end()) split.program.assign(mark + 1, words.end());
  return split;
}

std::string with_program_set_apart(const ProgramWords& words, std::size_t count) {
  std::string line = "launcher";
  const std::size_t ours = words.launcher.size() - std::min(count, words.launcher.size());
  for (std::size_t index = 0; index < words.launcher.size(); ++index) {
    if (index == ours) line += " --";
    line += ' ' + shell_quoted(words.launcher[index]);
  }
  // A program's own -- stays where it was.
  if (!words.program.empty()) line += " --";
  for (const std::string& word : words.program) line += ' ' + shell_quoted(word);
  return line;
}

}  // namespace trireme::launcher
