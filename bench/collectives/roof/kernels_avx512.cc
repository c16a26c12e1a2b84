#include "kernel_loops.h"

#if defined(__AVX512F__)
#include <immintrin.h>

namespace trireme::bench {
namespace {

struct Avx512 {
  using Value = __m512;
  static constexpr std::int64_t kWidth = 16;
  static Value load(const float* address) { return _mm512_loadu_ps(address); }
  static void store(float* address, Value value) { _mm512_storeu_ps(address, value); }
  static void stream(float* address, Value value) { _mm512_stream_ps(address, value); }
  static void fence() { _mm_sfence(); }
  static Value add(Value a, Value b) { return _mm512_add_ps(a, b); }
  static Value multiply(Value a, Value b) { return _mm512_mul_ps(a, b); }
  static Value broadcast(float value) { return _mm512_set1_ps(value); }
};

}  // namespace

std::span<const Kernel> avx512_kernels() {
  static constexpr Kernel kKernels[] = {Loops<Avx512, false>::kernel("avx512"),
                                        Loops<Avx512, true>::kernel("avx512-nt")};
  return kKernels;
}

}  // namespace trireme::bench
#else
std::span<const trireme::bench::Kernel> trireme::bench::avx512_kernels() { return {}; }
#endif
