// What recording costs an operation: post, start and finish of one entry, against an empty loop around the same calls.
//
// bench_flight_record [--json FILE] [--most NS]
// Prints the median and the least of 200 rounds of 10,000 operations each. --most: exits with 1 when the least is more.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "flight/flight_recorder.h"

namespace trireme::collectives {
namespace {

constexpr int kRounds = 200;
constexpr int kOperations = 10'000;

// Keeps the compiler from dropping what nobody reads.
void use(const void* value) { asm volatile("" : : "g"(value) : "memory"); }

template <typename Body>
std::vector<double> nanoseconds_per_operation(Body&& body) {
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kOperations; ++i) body(i);
    const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - begin;
    rounds.push_back(passed.count() / kOperations);
  }
  std::ranges::sort(rounds);
  return rounds;
}

Operation operation_number(int i) {
  return {.signature = {.sequence = static_cast<std::uint64_t>(i), .count = 1000 + i, .kind = OpKind::kAllReduce}};
}

int run(const std::map<std::string, std::string>& options) {
  FlightRecorder recorder({.name = "world", .backend = "none"});
  const auto empty = nanoseconds_per_operation([](int i) {
    const auto operation = operation_number(i);
    use(&operation);
  });
  const auto recorded = nanoseconds_per_operation([&](int i) {
    const auto operation = operation_number(i);
    use(&operation);
    const auto number = recorder.post(operation);
    recorder.start(number);
    recorder.finish(number);
    use(&recorder);
  });
  const double median = recorded[kRounds / 2] - empty[kRounds / 2];
  const double least = recorded[0] - empty[0];
  std::printf("recording an operation: median %.1f ns, least %.1f ns\n", median, least);
  if (const auto file = options.find("--json"); file != options.end()) {
    std::ofstream(file->second) << "[{\"system\":\"flight_record\",\"median_ns\":" << median
                                << ",\"least_ns\":" << least << "}]\n";
  }
  const auto most = options.find("--most");
  return most != options.end() && least > std::stod(most->second) ? 1 : 0;
}

}  // namespace
}  // namespace trireme::collectives

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  return trireme::collectives::run(options);
}
