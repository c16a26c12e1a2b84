#pragma once

#include <cstddef>

#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// Alignment of every allocation: a huge page.
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Zeroed, aligned memory of this process alone, for backends whose ranks share none.
class PrivateMemory final : public Memory {
 public:
  // Throws CommError when the system refuses.
  explicit PrivateMemory(std::size_t bytes);
  ~PrivateMemory() override;
  PrivateMemory(const PrivateMemory&) = delete;
  PrivateMemory& operator=(const PrivateMemory&) = delete;

  [[nodiscard]] void* data() const noexcept override { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return bytes_; }

 private:
  const std::size_t bytes_;
  void* data_ = nullptr;
};

}  // namespace trireme::collectives
