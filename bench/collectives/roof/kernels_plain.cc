#include "kernel_loops.h"

namespace trireme::bench {
namespace {

// One float at a time; the compiler vectorises for the oldest processor it targets.
struct Scalar {
  using Value = float;
  static constexpr std::int64_t kWidth = 1;
  static Value load(const float* address) { return *address; }
  static void store(float* address, Value value) { *address = value; }
  static Value add(Value a, Value b) { return a + b; }
  static Value multiply(Value a, Value b) { return a * b; }
  static Value broadcast(float value) { return value; }
};

}  // namespace

std::span<const Kernel> plain_kernels() {
  static constexpr Kernel kKernels[] = {Loops<Scalar, false>::kernel("plain")};
  return kKernels;
}

}  // namespace trireme::bench
