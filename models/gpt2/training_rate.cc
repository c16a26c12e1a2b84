#include "training_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace trireme {

TimeBudget::TimeBudget(std::optional<double> minutes) : start_(std::chrono::steady_clock::now()) {
  if (minutes) limit_ = std::chrono::duration<double, std::ratio<60>>(*minutes);
}

void TimeBudget::update(TrainContext& context) {
  if (!limit_) return;
  used_ = std::min(1.0, elapsed() / *limit_);
  context.communicator().broadcast(collectives::view(&used_, 1), 0)->wait();
}

Schedule training_rate(const TrainingRate& rate, std::shared_ptr<const TimeBudget> budget) {
  return [rate, budget = std::move(budget)](std::int64_t step) {
    const auto at = static_cast<double>(step);
    const double warmed = std::min(1.0, (at + 1) / static_cast<double>(std::max<std::int64_t>(1, rate.warmup_steps)));
    const double progress = std::min(1.0, std::max(at / static_cast<double>(rate.until), budget->used()));
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
    return rate.peak * warmed * (0.1 + 0.9 * cosine);
  };
}

}  // namespace trireme
