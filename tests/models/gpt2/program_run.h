#pragma once

#include <string>
#include <vector>

namespace trireme::test {

struct ProgramResult {
  int exit_code = -1;  // 128 + the signal when one ended it
  std::string output;
  std::string errors;
};

// Runs a program to its end, with no variables of a launcher in its environment.
[[nodiscard]] ProgramResult run_program(const std::vector<std::string>& command);

}  // namespace trireme::test
