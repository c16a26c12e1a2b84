#include "trireme/runtime/model_flops.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>

namespace trireme {
namespace {

constexpr std::int64_t kSize = 512;
constexpr auto kDuration = std::chrono::milliseconds(30);

// The best of several products, because a machine shared with others is slower at times, never faster.
double own_peak() {
  using Clock = std::chrono::steady_clock;
  const at::NoGradGuard no_grad;
  const auto left = at::full({kSize, kSize}, 0.5F);
  auto product = at::mm(left, left);
  double best = 0;
  const auto end = Clock::now() + kDuration;
  for (auto now = Clock::now(); now < end;) {
    at::mm_out(product, left, left);
    const auto after = Clock::now();
    const auto seconds = std::chrono::duration<double>(after - std::exchange(now, after)).count();
    best = std::max(best, 2.0 * kSize * kSize * kSize / seconds);
  }
  return best;
}

}  // namespace

double measure_peak_flops(collectives::Communicator& ranks) {
  ranks.barrier();
  double peak = own_peak();
  ranks.all_reduce(collectives::view(&peak, 1))->wait();
  return peak;
}

}  // namespace trireme
