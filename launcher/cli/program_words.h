#pragma once

#include <optional>
#include <string>
#include <vector>

namespace trireme::launcher {

// A command line with the program that `run` and `submit` start set apart, so that the program's options are nobody
// else's.
struct ProgramWords {
  std::vector<std::string> launcher;  // ours: "run", "-n", "4"
  std::vector<std::string> program;   // what follows the first --; empty for other commands
};

// `words` is the command line without its first word.
[[nodiscard]] ProgramWords split_at_program(std::vector<std::string> words);

// The command line to type instead when the last `count` of our own words were no options: with -- before them, quoted
// for a shell. "launcher run -n 4 -- ./train_gpt2 --steps 300"
[[nodiscard]] std::string with_program_set_apart(const ProgramWords& words, std::size_t count);

}  // namespace trireme::launcher
