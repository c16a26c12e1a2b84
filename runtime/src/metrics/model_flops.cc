#include "trireme/runtime/model_flops.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>

namespace trireme {
namespace {

constexpr std::int64_t kSizeOnCpu = 512;
constexpr std::int64_t kSizeOnGpu = 4096;
constexpr auto kDuration = std::chrono::milliseconds(30);

// The best of several products, because a machine shared with others is slower at times, never faster.
double own_peak(const at::TensorOptions& kind) {
  using Clock = std::chrono::steady_clock;
  const at::NoGradGuard no_grad;
  const auto device = kind.device();
  const auto size = device.is_cpu() ? kSizeOnCpu : kSizeOnGpu;
  const auto left = at::full({size, size}, 0.5F, kind);
  auto product = at::mm(left, left);
  double best = 0;
  const auto end = Clock::now() + kDuration;
  for (auto now = Clock::now(); now < end;) {
    at::mm_out(product, left, left);
    if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
    const auto after = Clock::now();
    const auto seconds = std::chrono::duration<double>(after - std::exchange(now, after)).count();
    best = std::max(best, 2.0 * static_cast<double>(size * size * size) / seconds);
  }
  return best;
}

}  // namespace

double measure_peak_flops(collectives::Communicator& ranks, const at::TensorOptions& kind) {
  ranks.barrier();
  double peak = own_peak(kind);
  ranks.all_reduce(collectives::view(&peak, 1))->wait();
  return peak;
}

}  // namespace trireme
