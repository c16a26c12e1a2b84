#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace trireme {

// A whole file mapped read-only; pages are read on first use. Move-only; const calls are thread-safe.
// The constructor throws DataError naming the file and the cause. An empty file maps to an empty span.
// A file that somebody truncates while it is mapped kills the reader by SIGBUS: writers replace files by rename.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace trireme
