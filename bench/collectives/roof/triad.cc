#include "triad.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "../measure/measurement.h"
#include "../measure/pattern.h"
#include "../measure/start_line.h"

namespace trireme::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Median seconds of one triad of this thread's arrays, of `count` elements each; the slowest thread counts.
double time_triad(const Kernel& kernel, std::int64_t count, StartLine& line, int rank, double seconds) {
  const std::array<Region, 3> owners{allocate_foreign(count), allocate_foreign(count), allocate_foreign(count)};
  const std::array<float*, 3> arrays{owners[0].get(), owners[1].get(), owners[2].get()};
  std::int64_t iteration = 0;
  const auto run_once = [&] {
    ++iteration;
    write_pattern(arrays[1], 0, count, {rank, iteration});
    write_pattern(arrays[2], 0, count, {rank, iteration + 1});
    line.wait();
    const auto start = Clock::now();
    kernel.triad({arrays.data(), 3, 0, count});
    line.meet();
    return seconds_since(start);
  };
  run_once();
  const auto warm_up = Clock::now();
  run_once();
  const double one = line.largest(seconds_since(warm_up));
  std::vector<double> samples(static_cast<std::size_t>(std::clamp(seconds / one, 3.0, 1000.0)));
  for (double& sample : samples) sample = run_once();
  return median(line.largest_of_each(samples));
}

}  // namespace

double triad_gb_s(std::span<const Kernel* const> kernels, int threads, double bytes, double seconds) {
  const auto count = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes / (12.0 * threads)));
  double best = 0;
  for (const Kernel* kernel : kernels) {
    std::vector<std::byte> page(StartLine::page_bytes());
    double taken = 0;
    std::vector<std::jthread> others;
    const auto run_rank = [&](int rank) {
      pin_to_core(rank, threads);
      StartLine line(page.data(), rank, threads);
      const double median_s = time_triad(*kernel, count, line, rank, seconds / static_cast<double>(kernels.size()));
      if (rank == 0) taken = median_s;
    };
    for (int rank = 0; rank < threads; ++rank) others.emplace_back(run_rank, rank);
    others.clear();  // joins
    best = std::max(best, 12.0 * static_cast<double>(count) * threads / taken / 1e9);
  }
  return best;
}

}  // namespace trireme::bench
