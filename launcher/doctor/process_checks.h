#pragma once

#include <vector>

#include "doctor/finding.h"
#include "doctor/process_facts.h"
#include "trireme/topology/machine.h"

namespace trireme::launcher {

// What the system allows and what programs load, judged by what the machine has. Pure.
[[nodiscard]] std::vector<Finding> examine_process(const ProcessFacts& facts, const topology::Machine& machine);

}  // namespace trireme::launcher
