#pragma once

#include <cstdint>

#include "start_line.h"
#include "system.h"

namespace trireme::bench {

struct Request {
  Operation operation = Operation::kBarrier;
  std::int64_t bytes = 0;  // a multiple of the element size, and of ranks elements where is_blockwise
  BufferKind kind = BufferKind::kForeign;
  double budget_seconds = 0.1;  // for everything: producers, operations, checks
  int minimum_samples = 5;
};

struct Measurement {
  double median_us = 0;
  double p90_us = 0;
  int samples = 0;
  std::int64_t wrong = 0;  // elements, over all ranks and operations
};

// Collective over the ranks of `line`. Before each operation every rank rewrites what it contributes; then the ranks
// line up; the time of an operation is the longest of the ranks' times; after it every rank compares its whole output.
// Iterations follow from the time that three warm-up operations took.
[[nodiscard]] Measurement measure(System& system, StartLine& line, int rank, int ranks, const Request& request);

// The middle of the values (the upper one of two), and the value that a tenth of them exceed. Not empty.
[[nodiscard]] double median(std::vector<double> values);
[[nodiscard]] double ninth_decile(std::vector<double> values);

}  // namespace trireme::bench
