#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan.h"
#include "support/process_ranks.h"

// Whether a round ended as promised. Pure.
namespace trireme::soak {

struct Verdict {
  std::vector<std::string> problems;  // empty: as promised
  double slowest_ms = 0;              // from the injection to the last survivor's error
  bool names_victim = false;          // some survivor's error does, for a hang
};

[[nodiscard]] Verdict judge(const Plan& plan, const std::vector<trireme::test::RankResult>& results,
                            std::int64_t injected_ns);

}  // namespace trireme::soak
