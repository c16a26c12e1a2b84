#pragma once

#include <cstdint>

#include "../operation.h"

namespace trireme::collectives {

// A part of a collective that goes through all levels by itself, while others are at other levels.
struct Part {
  OpKind kind = OpKind::kBarrier;  // kAllReduce, kReduce, kBroadcast or kBarrier
  Buffer input = {};
  Buffer output = {};  // for kReduce: on the root only
  int root = -1;
};

// How a collective is cut into parts. A pure function of the operation; the same number and order on all ranks.
class Parts {
 public:
  // `most_bytes`: of one part.
  Parts(const Operation& operation, int rank, int ranks, std::int64_t most_bytes);
  [[nodiscard]] std::int64_t count() const noexcept { return blocks_ * parts_per_block_; }
  [[nodiscard]] Part part(std::int64_t index) const;

  // True for the collectives that are made of such parts.
  [[nodiscard]] static bool serve(OpKind kind) noexcept;

 private:
  const Operation operation_;
  const int rank_;
  std::int64_t blocks_ = 1;
  std::int64_t block_ = 0;  // elements
  std::int64_t length_ = 0;
  std::int64_t parts_per_block_ = 1;
};

}  // namespace trireme::collectives
