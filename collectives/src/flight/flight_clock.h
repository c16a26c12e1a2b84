#pragma once

#include <cstdint>

namespace trireme::collectives {

// Nanoseconds of CLOCK_MONOTONIC and of CLOCK_REALTIME at one moment. Async-signal-safe.
struct ClockReading {
  std::int64_t monotonic_ns = 0;
  std::int64_t unix_ns = 0;
};
[[nodiscard]] ClockReading read_clocks() noexcept;

// The cheapest clock there is: the processor's time stamp counter where it runs at one rate whatever the core does,
// CLOCK_MONOTONIC elsewhere. Ticks become nanoseconds only when somebody reads them: two readings of both clocks, one
// when the clock was made and one then, give the rate, so nothing has to be calibrated by waiting.
class FlightClock {
 public:
  FlightClock() noexcept;
  [[nodiscard]] std::int64_t ticks() const noexcept {
#if defined(__x86_64__)
    if (counts_cycles_) return static_cast<std::int64_t>(__builtin_ia32_rdtsc());
#endif
    return read_clocks().monotonic_ns;
  }

  // Turns ticks of `clock` taken until now into nanoseconds of CLOCK_MONOTONIC.
  class Conversion {
   public:
    explicit Conversion(const FlightClock& clock) noexcept;
    [[nodiscard]] std::int64_t monotonic_ns(std::int64_t ticks) const noexcept;

   private:
    std::int64_t first_ticks_;
    std::int64_t first_ns_;
    double ns_per_tick_ = 1;
  };

 private:
  const bool counts_cycles_;
  std::int64_t first_ticks_;
  std::int64_t first_ns_;
};

}  // namespace trireme::collectives
