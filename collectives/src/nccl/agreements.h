#pragma once

#include <chrono>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>

#include "call_log.h"
#include "group_board.h"
#include "trireme/collectives/nccl.h"

namespace trireme::collectives {

// Makes sure that ranks call the same before NCCL mixes their data: a call of a kind that this rank has not made before
// starts only once its peers have counted themselves in for the same one. Training repeats its calls, so after the
// first step nothing is asked any more, and which rank is new to a call does not depend on the rank.
//
// One thread at a time. Throws what the store throws.
class Agreements {
 public:
  using Clock = std::chrono::steady_clock;

  // A call that waits to start.
  struct Question {
    Call call;
    std::string key{};  // empty until asked
    Clock::time_point since{};
    Clock::time_point next_look{};
    bool is_settled = false;
  };

  Agreements(GroupBoard& board, NcclAgreement mode) : board_(board), mode_(mode) {}
  ~Agreements();
  Agreements(const Agreements&) = delete;
  Agreements& operator=(const Agreements&) = delete;

  // True once the call may start. Never blocks; looks into the store ever more rarely.
  [[nodiscard]] bool is_settled(Question& question, Clock::time_point now);

 private:
  [[nodiscard]] bool needs_asking(const Call& call);
  void settle(Question& question);

  GroupBoard& board_;
  const NcclAgreement mode_;
  std::unordered_set<std::uint64_t> known_;
  std::map<std::pair<int, int>, std::string> last_keys_;  // by source and target: settled, still in the store
};

}  // namespace trireme::collectives
