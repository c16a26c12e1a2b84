#pragma once

#include <cstddef>
#include <memory>

#include "trireme/base/unique_fd.h"

namespace trireme::collectives {

// A mapped memfd: memory that processes share and that no name in the file system stands for. Unmapped when the last
// owner goes; the pages go with the last mapping of any process.
class Mapping {
 public:
  // Maps all `bytes` of `fd`, aligned to a huge page. Throws CommError.
  Mapping(const UniqueFd& fd, std::size_t bytes);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  const std::size_t bytes_;
  std::byte* data_ = nullptr;
};
using MappingPtr = std::shared_ptr<Mapping>;

// A zeroed memfd of a size that nobody can change any more, so that no peer can make another one fault. Pages are
// taken from the machine when they are first written.
[[nodiscard]] UniqueFd make_memfd(const char* name, std::size_t bytes);

}  // namespace trireme::collectives
