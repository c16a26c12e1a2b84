#pragma once

#include <string>
#include <vector>

#include "doctor/process_facts.h"

namespace trireme::launcher {

// CUDA's runtime, cuDNN, NCCL and MPI: what this build was made with, and what is loaded when `program` starts (asked
// of its dynamic loader) or, without a program, what this process's loader finds. Loads them to ask for their version.
[[nodiscard]] std::vector<LibraryVersion> library_versions(const std::string& program);

}  // namespace trireme::launcher
