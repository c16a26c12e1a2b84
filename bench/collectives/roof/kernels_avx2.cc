#include "kernel_loops.h"

#if defined(__AVX2__)
#include <immintrin.h>

namespace trireme::bench {
namespace {

struct Avx2 {
  using Value = __m256;
  static constexpr std::int64_t kWidth = 8;
  static Value load(const float* address) { return _mm256_loadu_ps(address); }
  static void store(float* address, Value value) { _mm256_storeu_ps(address, value); }
  static void stream(float* address, Value value) { _mm256_stream_ps(address, value); }
  static void fence() { _mm_sfence(); }
  static Value add(Value a, Value b) { return _mm256_add_ps(a, b); }
  static Value multiply(Value a, Value b) { return _mm256_mul_ps(a, b); }
  static Value broadcast(float value) { return _mm256_set1_ps(value); }
};

}  // namespace

std::span<const Kernel> avx2_kernels() {
  static constexpr Kernel kKernels[] = {Loops<Avx2, false>::kernel("avx2"), Loops<Avx2, true>::kernel("avx2-nt")};
  return kKernels;
}

}  // namespace trireme::bench
#else
std::span<const trireme::bench::Kernel> trireme::bench::avx2_kernels() { return {}; }
#endif
