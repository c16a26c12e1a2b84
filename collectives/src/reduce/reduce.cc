#include "reduce.h"

#include <array>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels.h"

namespace trireme::collectives {
namespace {

struct Choice {
  std::array<ReduceKernel, 3> kernels = {};
  std::size_t count = 0;
  void add(ReduceKernel kernel) { kernels[count++] = kernel; }
};

#if defined(__x86_64__)
// Half floats to single ones and back; clang's __builtin_cpu_supports does not know the name.
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

Choice what_the_processor_runs() {
  Choice choice;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && has_f16c();
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (has_avx512) choice.add(reduce_avx512);
  if (has_avx2) choice.add(reduce_avx2);
#endif
  choice.add(reduce_portable);
  return choice;
}

}  // namespace

std::span<const ReduceKernel> reduce_kernels() noexcept {
  static const Choice choice = what_the_processor_runs();
  return {choice.kernels.data(), choice.count};
}

void reduce_in_order(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count,
                     Dtype dtype, ReduceOp op) {
  static const ReduceKernel widest = reduce_kernels().front();
  widest(pieces, outputs, count, dtype, op);
}

}  // namespace trireme::collectives
