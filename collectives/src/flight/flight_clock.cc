#include "flight_clock.h"

#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace trireme::collectives {
namespace {

std::int64_t nanoseconds(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// The counter is invariant: one rate in every power state, the same on all cores.
bool has_invariant_counter() noexcept {
#if defined(__x86_64__)
  constexpr unsigned kPowerManagement = 0x80000007;
  constexpr unsigned kInvariant = 1U << 8;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(kPowerManagement, &a, &b, &c, &d) != 0 && (d & kInvariant) != 0;
#else
  return false;
#endif
}

}  // namespace

ClockReading read_clocks() noexcept { return {nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_REALTIME)}; }

FlightClock::FlightClock() noexcept
    : counts_cycles_(has_invariant_counter()), first_ticks_(ticks()), first_ns_(nanoseconds(CLOCK_MONOTONIC)) {}

FlightClock::Conversion::Conversion(const FlightClock& clock) noexcept
    : first_ticks_(clock.first_ticks_), first_ns_(clock.first_ns_) {
  const auto ticks = clock.ticks() - first_ticks_;
  const auto passed_ns = nanoseconds(CLOCK_MONOTONIC) - first_ns_;
  if (ticks > 0 && passed_ns > 0) ns_per_tick_ = static_cast<double>(passed_ns) / static_cast<double>(ticks);
}

std::int64_t FlightClock::Conversion::monotonic_ns(std::int64_t ticks) const noexcept {
  return first_ns_ + static_cast<std::int64_t>(static_cast<double>(ticks - first_ticks_) * ns_per_tick_);
}

}  // namespace trireme::collectives
