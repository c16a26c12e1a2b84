#pragma once

#include <cstdint>

#include "../operation_layout.h"

// Which part of an operation's buffers goes where. Pure.
namespace trireme::collectives {

// Of rank `rank` of `size` in `operation`.
class Pieces {
 public:
  Pieces(const Operation& operation, int rank, int size);

  [[nodiscard]] OpKind kind() const noexcept { return operation_.signature.kind; }
  [[nodiscard]] bool has_slice_owners() const noexcept { return collectives::has_slice_owners(kind()); }
  [[nodiscard]] bool is_root() const noexcept { return rank_ == operation_.signature.root; }
  // Whether `rank` gets what the owners have in the end.
  [[nodiscard]] bool needs_result(int rank) const noexcept { return has_output(operation_.signature, rank); }
  // Elements of a block.
  [[nodiscard]] std::int64_t block() const noexcept { return block_; }

  // Elements [first, first + length) of a block are a chunk. Of a chunk: what the input holds for `owner`, and where
  // what `owner` holds goes in the output.
  [[nodiscard]] Buffer input(int owner, std::int64_t first, std::int64_t length) const;
  [[nodiscard]] Buffer output(int owner, std::int64_t first, std::int64_t length) const;

 private:
  [[nodiscard]] Buffer part(const Buffer& whole, int owner, std::int64_t first, std::int64_t length) const;

  Operation operation_;
  int rank_;
  int size_;
  std::int64_t block_;
};

}  // namespace trireme::collectives
