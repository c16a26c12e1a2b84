#pragma once

#include <cstdint>
#include <span>

// What the memory system itself can do: the loops of a collective without anything around them.
namespace trireme::bench {

// Elements [begin, end) of `ranks` buffers. Buffers start at page boundaries.
struct Slice {
  float* const* buffers = nullptr;
  int ranks = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// One way to write the loops: an instruction set, and whether stores go around the caches.
struct Kernel {
  const char* name;
  // Every buffer gets the sum.
  void (*sum_into_all)(const Slice& slice);
  // buffers[target] gets the sum.
  void (*sum_into_one)(const Slice& slice, int target);
  // Every other buffer gets buffers[source].
  void (*copy_to_others)(const Slice& slice, int source);
  // buffers[0] = buffers[1] + 3 * buffers[2].
  void (*triad)(const Slice& slice);
};

// Tables of constants: nothing of an instruction set runs before a kernel does. The avx ones are empty on other
// processors than x86-64.
[[nodiscard]] std::span<const Kernel> plain_kernels();
[[nodiscard]] std::span<const Kernel> avx2_kernels();
[[nodiscard]] std::span<const Kernel> avx512_kernels();

}  // namespace trireme::bench
