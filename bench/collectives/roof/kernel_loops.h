#pragma once

#include "kernels.h"

// The loops, over a vector type that a source file compiled for one instruction set brings. Internal to each of those
// files, and without anything of the standard library, so that no instruction leaks into code that others share.
namespace trireme::bench {
namespace {

// Vector: kWidth, load(p), store(p, v), add(a, b), scale(v, s). Store: how results are written.
template <class Vector, bool kAround>
struct Loops {
  static constexpr std::int64_t kWidth = Vector::kWidth;

  static void write(float* address, typename Vector::Value value) {
    if constexpr (kAround) {
      Vector::stream(address, value);
    } else {
      Vector::store(address, value);
    }
  }

  // Calls vector(i) for aligned groups of kWidth elements and scalar(i) for the rest.
  template <class OfVector, class OfScalar>
  static void for_each(const Slice& slice, OfVector of_vector, OfScalar of_scalar) {
    std::int64_t i = slice.begin;
    for (; i < slice.end && i % kWidth != 0; ++i) of_scalar(i);
    for (; i + kWidth <= slice.end; i += kWidth) of_vector(i);
    for (; i < slice.end; ++i) of_scalar(i);
    if constexpr (kAround) Vector::fence();
  }

  static typename Vector::Value sum(const Slice& slice, std::int64_t i) {
    auto total = Vector::load(slice.buffers[0] + i);
    for (int rank = 1; rank < slice.ranks; ++rank) total = Vector::add(total, Vector::load(slice.buffers[rank] + i));
    return total;
  }

  static float scalar_sum(const Slice& slice, std::int64_t i) {
    float total = slice.buffers[0][i];
    for (int rank = 1; rank < slice.ranks; ++rank) total += slice.buffers[rank][i];
    return total;
  }

  static void sum_two_into_both(const Slice& slice) {
    float* const a = slice.buffers[0];
    float* const b = slice.buffers[1];
    for_each(
        slice,
        [=](std::int64_t i) {
          const auto total = Vector::add(Vector::load(a + i), Vector::load(b + i));
          write(a + i, total);
          write(b + i, total);
        },
        [=](std::int64_t i) { a[i] = b[i] = a[i] + b[i]; });
  }

  static void sum_into_all(const Slice& slice) {
    if (slice.ranks == 2) return sum_two_into_both(slice);
    for_each(
        slice,
        [&](std::int64_t i) {
          const auto total = sum(slice, i);
          for (int rank = 0; rank < slice.ranks; ++rank) write(slice.buffers[rank] + i, total);
        },
        [&](std::int64_t i) {
          const float total = scalar_sum(slice, i);
          for (int rank = 0; rank < slice.ranks; ++rank) slice.buffers[rank][i] = total;
        });
  }

  static void sum_into_one(const Slice& slice, int target) {
    float* const output = slice.buffers[target];
    for_each(
        slice, [&](std::int64_t i) { write(output + i, sum(slice, i)); },
        [&](std::int64_t i) { output[i] = scalar_sum(slice, i); });
  }

  static void copy_to_others(const Slice& slice, int source) {
    const float* const input = slice.buffers[source];
    for (int rank = 0; rank < slice.ranks; ++rank) {
      if (rank == source) continue;
      float* const output = slice.buffers[rank];
      for_each(
          slice, [=](std::int64_t i) { write(output + i, Vector::load(input + i)); },
          [=](std::int64_t i) { output[i] = input[i]; });
    }
  }

  static void triad(const Slice& slice) {
    float* const output = slice.buffers[0];
    const float* const a = slice.buffers[1];
    const float* const b = slice.buffers[2];
    for_each(
        slice,
        [=](std::int64_t i) {
          const auto scaled = Vector::multiply(Vector::load(b + i), Vector::broadcast(3.0F));
          write(output + i, Vector::add(Vector::load(a + i), scaled));
        },
        [=](std::int64_t i) { output[i] = a[i] + 3.0F * b[i]; });
  }

  static constexpr Kernel kernel(const char* name) { return {name, sum_into_all, sum_into_one, copy_to_others, triad}; }
};

}  // namespace
}  // namespace trireme::bench
