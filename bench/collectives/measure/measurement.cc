#include "measurement.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>

#include "exchange_buffers.h"

namespace trireme::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double element_at(std::vector<double>& values, std::size_t index) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}

}  // namespace

Region allocate_foreign(std::int64_t count) {
  constexpr std::size_t kPage = 4096;
  const std::size_t bytes = (static_cast<std::size_t>(count) * sizeof(float) + kPage - 1) / kPage * kPage;
  void* memory = std::aligned_alloc(kPage, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return {static_cast<float*>(memory), [](float* owned) { std::free(owned); }};
}

double median(std::vector<double> values) { return element_at(values, values.size() / 2); }

double ninth_decile(std::vector<double> values) { return element_at(values, (values.size() - 1) * 9 / 10); }

Measurement measure(System& system, StartLine& line, int rank, int ranks, const Request& request) {
  constexpr int kWarmUps = 3;
  ExchangeBuffers buffers(system, request, rank, ranks);
  std::int64_t iteration = 0;
  std::int64_t wrong = 0;
  const auto run_once = [&] {
    buffers.produce(++iteration);
    line.wait();
    const auto start = Clock::now();
    system.run(buffers.exchange());
    const double taken = seconds_since(start);
    wrong += buffers.count_wrong(iteration);
    return taken;
  };

  run_once();  // touches every page
  const auto warm_up_start = Clock::now();
  for (int i = 1; i < kWarmUps; ++i) run_once();
  const double one = line.largest(seconds_since(warm_up_start) / (kWarmUps - 1));
  const int affordable = static_cast<int>(std::min<double>(kMaxSamples, request.budget_seconds / one));
  std::vector<double> samples(static_cast<std::size_t>(std::max(request.minimum_samples, affordable)));
  for (double& sample : samples) sample = run_once();

  Measurement result;
  const std::vector<double> times = line.largest_of_each(samples);
  result.median_us = median(times) * 1e6;
  result.p90_us = ninth_decile(times) * 1e6;
  result.samples = static_cast<int>(times.size());
  result.wrong = line.sum(wrong);
  return result;
}

}  // namespace trireme::bench
