// The roof probe of the collectives benchmark: what the memory allows. Threads of one process do the loops of a
// collective over each other's buffers, with the measuring loop of every other system; the best kernel counts. Started
// by run.py.
#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "../measure/rank_program.h"
#include "roof_system.h"
#include "triad.h"

namespace trireme::bench {
namespace {

// Those that this processor can run.
std::vector<const Kernel*> supported_kernels() {
  std::vector<const Kernel*> found;
  const auto add = [&found](std::span<const Kernel> kernels) {
    for (const Kernel& kernel : kernels) found.push_back(&kernel);
  };
  add(plain_kernels());
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) add(avx2_kernels());
  if (__builtin_cpu_supports("avx512f")) add(avx512_kernels());
#endif
  return found;
}

Measurement measure_kernel(const Kernel& kernel, int ranks, const Request& request) {
  RoofShared shared(ranks);
  Measurement result;
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      pin_to_core(rank, ranks);
      StartLine line(shared.start_page.data(), rank, ranks);
      RoofSystem system(shared, kernel, rank);
      const Measurement own = measure(system, line, rank, ranks, request);
      if (rank == 0) result = own;
    });
  }
  threads.clear();  // joins
  return result;
}

std::string answer(const std::vector<const Kernel*>& kernels, int ranks, Request request) {
  if (!has_roof(request.operation)) throw std::invalid_argument("this operation has no roof probe");
  const double seconds = request.budget_seconds;
  request.budget_seconds = seconds / static_cast<double>(kernels.size());
  Measurement best;
  const Kernel* fastest = nullptr;
  std::int64_t wrong = 0;
  for (const Kernel* kernel : kernels) {
    const Measurement found = measure_kernel(*kernel, ranks, request);
    wrong += found.wrong;
    if (fastest != nullptr && found.median_us >= best.median_us) continue;
    best = found;
    fastest = kernel;
  }
  best.wrong = wrong;
  const auto bytes = static_cast<double>(request.bytes);
  std::ostringstream text;
  text << describe(best) << " kernel=" << fastest->name
       << " memory_gb_s=" << bytes_moved(request.operation, bytes, ranks) / best.median_us / 1e3
       << " triad_gb_s=" << triad_gb_s(kernels, ranks, bytes * ranks, seconds / 4);
  return text.str();
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) try {
  int ranks = 2;
  std::string socket;
  CLI::App app("The roof probe of the collectives benchmark; scripts/bench collectives starts it");
  app.add_option("--ranks", ranks, "Threads")->check(CLI::Range(1, trireme::bench::kMaxRanks))->capture_default_str();
  app.add_option("--socket", socket, "The driver's unix socket")->required();
  CLI11_PARSE(app, argc, argv);
  const auto kernels = trireme::bench::supported_kernels();
  return trireme::bench::answer_driver(socket, 0, [&](const trireme::bench::Request& request) {
    return trireme::bench::answer(kernels, ranks, request);
  });
} catch (const std::exception& error) {
  std::cerr << "bench_collectives_roof: error: " << error.what() << '\n';
  return 1;
}
