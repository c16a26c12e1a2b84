#pragma once

#include <string>

#include "debug/diagnosis.h"

namespace trireme::launcher {

// What an engineer reads first: one line a rank, where the ranks part, who is missing or slow. Pure.
[[nodiscard]] std::string format_diagnosis(const Diagnosis& diagnosis);

}  // namespace trireme::launcher
