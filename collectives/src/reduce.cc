#include "reduce.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include "half.h"

namespace trireme::collectives {
namespace {

// How an element is stored in a buffer, and the type it is reduced in.
template <typename T>
struct Native {
  using Stored = T;
  using Sum = T;
  static Sum load(Stored value) { return value; }
  static Stored store(Sum value) { return value; }
};
struct Bfloat16 {
  using Stored = std::uint16_t;
  using Sum = float;
  static Sum load(Stored bits) { return widen_bfloat16(bits); }
  static Stored store(Sum value) { return round_to_bfloat16(value); }
};
struct Float16 {
  using Stored = std::uint16_t;
  using Sum = float;
  static Sum load(Stored bits) { return widen_float16(bits); }
  static Stored store(Sum value) { return round_to_float16(value); }
};

// A view that lies at any address and aliases any other.
template <typename T>
using Loose [[gnu::aligned(1), gnu::may_alias]] = T;

// Integers wrap around: unsigned arithmetic is defined where signed overflow is not. 64 bits keep small types from
// being promoted to int.
template <typename T, typename Operation>
T wrapping(T a, T b, Operation operation) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(operation(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
  } else {
    return operation(a, b);
  }
}

struct Add {
  template <typename T>
  T operator()(T a, T b) const {
    return wrapping(a, b, [](auto x, auto y) { return x + y; });
  }
};
struct Multiply {
  template <typename T>
  T operator()(T a, T b) const {
    return wrapping(a, b, [](auto x, auto y) { return x * y; });
  }
};
// A NaN on either side compares unequal to itself and wins.
struct Smaller {
  template <typename T>
  T operator()(T a, T b) const {
    return a != a || a < b || (a == b) ? a : b;
  }
};
struct Larger {
  template <typename T>
  T operator()(T a, T b) const {
    return a != a || a > b || (a == b) ? a : b;
  }
};

constexpr std::int64_t kBlock = 1024;  // elements whose sums stay in the L1 cache

template <typename Element, typename Fold>
void fold(std::span<const void* const> pieces, void* output, std::int64_t count, Fold combine, bool average) {
  using Sum = typename Element::Sum;
  using Stored = Loose<typename Element::Stored>;
  std::array<Sum, kBlock> sums;
  for (std::int64_t first = 0; first < count; first += kBlock) {
    const auto length = std::min(kBlock, count - first);
    const auto* head = static_cast<const Stored*>(pieces[0]) + first;
    for (std::int64_t i = 0; i < length; ++i) sums[i] = Element::load(head[i]);
    for (const void* piece : pieces.subspan(1)) {
      const auto* next = static_cast<const Stored*>(piece) + first;
      for (std::int64_t i = 0; i < length; ++i) sums[i] = combine(sums[i], Element::load(next[i]));
    }
    if constexpr (std::is_floating_point_v<Sum>) {
      const auto ranks = static_cast<Sum>(pieces.size());
      for (std::int64_t i = 0; average && i < length; ++i) sums[i] /= ranks;
    }
    auto* target = static_cast<Stored*>(output) + first;
    for (std::int64_t i = 0; i < length; ++i) target[i] = Element::store(sums[i]);
  }
}

template <typename Element>
void fold_as(std::span<const void* const> pieces, void* output, std::int64_t count, ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return fold<Element>(pieces, output, count, Add{}, false);
    case ReduceOp::kAverage:
      return fold<Element>(pieces, output, count, Add{}, true);
    case ReduceOp::kMin:
      return fold<Element>(pieces, output, count, Smaller{}, false);
    case ReduceOp::kMax:
      return fold<Element>(pieces, output, count, Larger{}, false);
    case ReduceOp::kProduct:
      return fold<Element>(pieces, output, count, Multiply{}, false);
  }
}

}  // namespace

void reduce_in_order(std::span<const void* const> pieces, void* output, std::int64_t count, Dtype dtype, ReduceOp op) {
  switch (dtype) {
    case Dtype::kUint8:
      return fold_as<Native<std::uint8_t>>(pieces, output, count, op);
    case Dtype::kInt32:
      return fold_as<Native<std::int32_t>>(pieces, output, count, op);
    case Dtype::kInt64:
      return fold_as<Native<std::int64_t>>(pieces, output, count, op);
    case Dtype::kFloat16:
      return fold_as<Float16>(pieces, output, count, op);
    case Dtype::kBfloat16:
      return fold_as<Bfloat16>(pieces, output, count, op);
    case Dtype::kFloat32:
      return fold_as<Native<float>>(pieces, output, count, op);
    case Dtype::kFloat64:
      return fold_as<Native<double>>(pieces, output, count, op);
  }
}

}  // namespace trireme::collectives
