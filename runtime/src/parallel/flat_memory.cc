#include "parallel/flat_memory.h"

#include <torch/torch.h>

#include "trireme/base/check.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

constexpr std::size_t kPage = 4096;

std::size_t bytes_of(const FlatPiece& piece) {
  const auto bytes = static_cast<std::size_t>(piece.elements) * at::elementSize(piece.dtype);
  return (bytes + kPage - 1) / kPage * kPage;
}

// The memory of rank 0, as this rank maps it.
class FirstRanksMemory final : public collectives::Memory {
 public:
  explicit FirstRanksMemory(collectives::MemoryPtr own) : own_(std::move(own)) {
    TRIREME_CHECK(own_->part(0) != nullptr, "the ranks of a node do not share memory");
  }
  [[nodiscard]] void* data() const noexcept override { return own_->part(0); }
  [[nodiscard]] std::size_t bytes() const noexcept override { return own_->bytes(); }

 private:
  const collectives::MemoryPtr own_;
};

std::size_t total(const std::vector<FlatPiece>& pieces) {
  std::size_t bytes = 0;
  for (const auto& piece : pieces) bytes += bytes_of(piece);
  return bytes;
}

std::vector<at::Tensor> cut(const collectives::MemoryPtr& memory, const std::vector<FlatPiece>& pieces) {
  std::vector<at::Tensor> tensors;
  std::size_t offset = 0;
  for (const auto& piece : pieces) {
    tensors.push_back(tensor_over(memory, offset, piece.elements, piece.dtype));
    offset += bytes_of(piece);
  }
  return tensors;
}

}  // namespace

std::vector<at::Tensor> allocate_flat(collectives::Communicator& communicator, const std::vector<FlatPiece>& pieces) {
  return cut(communicator.allocate(total(pieces)), pieces);
}

std::vector<at::Tensor> allocate_shared(collectives::Communicator& communicator, const std::vector<FlatPiece>& pieces) {
  return cut(std::make_shared<FirstRanksMemory>(communicator.allocate(total(pieces))), pieces);
}

}  // namespace trireme
