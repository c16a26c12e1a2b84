#include "cli/program_words.h"

#include <algorithm>

namespace trireme::launcher {

namespace {

std::string quoted(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

bool starts_programs(const std::vector<std::string>& words) {
  const auto command =
      std::find_if(words.begin(), words.end(), [](const auto& word) { return !word.starts_with('-'); });
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
    line += ' ' + quoted(words.launcher[index]);
  }
  // A program's own -- stays where it was.
  if (!words.program.empty()) line += " --";
  for (const std::string& word : words.program) line += ' ' + quoted(word);
  return line;
}

}  // namespace trireme::launcher
