// The loops of reduce_in_order(), for files that are compiled once per instruction set. Everything is in an unnamed
// namespace: the linker must never take one file's instructions for another's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "half.h"
#include "loose.h"
#include "trireme/collectives/buffer.h"

namespace trireme::collectives {
namespace {

using Pieces = std::span<const void* const>;
using Outputs = std::span<void* const>;

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
void fold(Pieces pieces, Outputs outputs, std::int64_t count, Fold combine, bool average) {
  using Sum = typename Element::Sum;
  using Plain = typename Element::Stored;
  using Stored = Loose<Plain>;
  std::array<Sum, kBlock> sums;
  std::array<Plain, kBlock> rounded;
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
    for (std::int64_t i = 0; i < length; ++i) rounded[i] = Element::store(sums[i]);
    for (void* output : outputs) {
      std::memcpy(static_cast<Plain*>(output) + first, rounded.data(),
                  static_cast<std::size_t>(length) * sizeof(Plain));
    }
  }
}

// What one register holds: the compiler takes wider vectors apart, element by element.
#if defined(__AVX512F__)
constexpr std::size_t kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t kVectorBytes = 32;
#else
constexpr std::size_t kVectorBytes = 16;
#endif

// Sums of float and double, the common case, stay in registers from the loads to the stores.
template <typename T>
void sum_in_registers(Pieces pieces, Outputs outputs, std::int64_t count) {
  using Vector [[gnu::vector_size(kVectorBytes), gnu::aligned(1), gnu::may_alias]] = T;
  constexpr std::int64_t kLanes = sizeof(Vector) / sizeof(T);
  constexpr std::int64_t kTile = 4 * kLanes;
  const auto whole = count / kTile * kTile;
  for (std::int64_t first = 0; first < whole; first += kTile) {
    const auto* head = static_cast<const T*>(pieces[0]) + first;
    Vector a = *reinterpret_cast<const Vector*>(head);
    Vector b = *reinterpret_cast<const Vector*>(head + kLanes);
    Vector c = *reinterpret_cast<const Vector*>(head + 2 * kLanes);
    Vector d = *reinterpret_cast<const Vector*>(head + 3 * kLanes);
    for (std::size_t k = 1; k < pieces.size(); ++k) {
      const auto* next = static_cast<const T*>(pieces[k]) + first;
      a += *reinterpret_cast<const Vector*>(next);
      b += *reinterpret_cast<const Vector*>(next + kLanes);
      c += *reinterpret_cast<const Vector*>(next + 2 * kLanes);
      d += *reinterpret_cast<const Vector*>(next + 3 * kLanes);
    }
    for (void* output : outputs) {
      auto* target = static_cast<T*>(output) + first;
      *reinterpret_cast<Vector*>(target) = a;
      *reinterpret_cast<Vector*>(target + kLanes) = b;
      *reinterpret_cast<Vector*>(target + 2 * kLanes) = c;
      *reinterpret_cast<Vector*>(target + 3 * kLanes) = d;
    }
  }
  using Element = Loose<T>;
  for (std::int64_t i = whole; i < count; ++i) {
    T sum = static_cast<const Element*>(pieces[0])[i];
    for (const void* piece : pieces.subspan(1)) sum += static_cast<const Element*>(piece)[i];
    for (void* output : outputs) static_cast<Element*>(output)[i] = sum;
  }
}

template <typename Element>
void fold_as(Pieces pieces, Outputs outputs, std::int64_t count, ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      if constexpr (std::is_floating_point_v<typename Element::Stored>) {
        return sum_in_registers<typename Element::Stored>(pieces, outputs, count);
      }
      return fold<Element>(pieces, outputs, count, Add{}, false);
    case ReduceOp::kAverage:
      return fold<Element>(pieces, outputs, count, Add{}, true);
    case ReduceOp::kMin:
      return fold<Element>(pieces, outputs, count, Smaller{}, false);
    case ReduceOp::kMax:
      return fold<Element>(pieces, outputs, count, Larger{}, false);
    case ReduceOp::kProduct:
      return fold<Element>(pieces, outputs, count, Multiply{}, false);
  }
}

void reduce_loops(Pieces pieces, Outputs outputs, std::int64_t count, Dtype dtype, ReduceOp op) {
  switch (dtype) {
    case Dtype::kUint8:
      return fold_as<Native<std::uint8_t>>(pieces, outputs, count, op);
    case Dtype::kInt32:
      return fold_as<Native<std::int32_t>>(pieces, outputs, count, op);
    case Dtype::kInt64:
      return fold_as<Native<std::int64_t>>(pieces, outputs, count, op);
    case Dtype::kFloat16:
      return fold_as<Float16>(pieces, outputs, count, op);
    case Dtype::kBfloat16:
      return fold_as<Bfloat16>(pieces, outputs, count, op);
    case Dtype::kFloat32:
      return fold_as<Native<float>>(pieces, outputs, count, op);
    case Dtype::kFloat64:
      return fold_as<Native<double>>(pieces, outputs, count, op);
  }
}

}  // namespace
}  // namespace trireme::collectives
