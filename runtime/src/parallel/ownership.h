#pragma once

#include <cstdint>
#include <vector>

namespace trireme {

// Elements [first, first + elements) of tensor `tensor` are written by `owner`.
struct OwnedPiece {
  std::size_t tensor = 0;
  std::int64_t first = 0;
  std::int64_t elements = 0;
  int owner = 0;
  friend bool operator==(const OwnedPiece&, const OwnedPiece&) = default;
};

struct TensorExtent {
  std::int64_t elements = 0;
  std::int64_t element_bytes = 4;
};

// Cuts the tensors, laid end to end, into `ranks` parts of about equal bytes; a tensor on a border has a piece per
// part. Every element is in exactly one piece, a tensor without elements in one empty piece of rank 0. Pure.
[[nodiscard]] std::vector<OwnedPiece> share_ownership(const std::vector<TensorExtent>& tensors, int ranks);

}  // namespace trireme
