#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "trireme/runtime/schedule.h"
#include "trireme/runtime/train_context.h"

namespace trireme {

// How much of the time that a run may take is used up. Without a limit it stays 0.
//
// Ranks' clocks differ but their learning rates must not: update() takes rank 0's time on every rank.
class TimeBudget {
 public:
  explicit TimeBudget(std::optional<double> minutes);
  // Collective when there is a limit, else nothing.
  void update(TrainContext& context);
  // 0 at the start, 1 when the time is up; equal on all ranks.
  [[nodiscard]] double used() const noexcept { return used_; }
  [[nodiscard]] bool has_limit() const noexcept { return limit_.has_value(); }
  [[nodiscard]] std::chrono::duration<double> elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_;
  std::optional<std::chrono::duration<double>> limit_;
  double used_ = 0;
};

struct TrainingRate {
  double peak = 1e-3;
  std::int64_t warmup_steps = 0;
  std::int64_t until = 1;
};
// Linear warm-up, then half a cosine down to a tenth of the peak by the last step or the end of the time, whichever
// comes first.
[[nodiscard]] Schedule training_rate(const TrainingRate& rate, std::shared_ptr<const TimeBudget> budget);

}  // namespace trireme
