#include "parallel/ownership.h"

#include <algorithm>

namespace trireme {
namespace {

std::int64_t bytes_of(const TensorExtent& tensor) { return tensor.elements * tensor.element_bytes; }

// The first element of `tensor`, which begins at byte `start` of the whole, at or above byte `border`.
std::int64_t element_at(const TensorExtent& tensor, std::int64_t start, std::int64_t border) {
  const auto width = tensor.element_bytes;
  return std::clamp<std::int64_t>((border - start + width - 1) / width, 0, tensor.elements);
}

}  // namespace

std::vector<OwnedPiece> share_ownership(const std::vector<TensorExtent>& tensors, int ranks) {
  std::int64_t total = 0;
  for (const auto& tensor : tensors) total += bytes_of(tensor);
  std::vector<OwnedPiece> pieces;
  std::int64_t start = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].elements == 0) pieces.push_back({i, 0, 0, 0});
    for (int rank = 0; rank < ranks; ++rank) {
      const auto first = element_at(tensors[i], start, total * rank / ranks);
      const auto last = element_at(tensors[i], start, total * (rank + 1) / ranks);
      if (last > first) pieces.push_back({i, first, last - first, rank});
    }
    start += bytes_of(tensors[i]);
  }
  return pieces;
}

}  // namespace trireme
