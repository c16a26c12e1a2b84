#pragma once

#include <array>
#include <charconv>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trireme::collectives {

// A file that appears whole under its name or not at all: bytes go to a temporary name beside it, with a running
// checksum; commit() flushes and renames. Async-signal-safe: buffers lie in the object, errors are kept as errno.
class RecordFile {
 public:
  // Makes the folders on the way.
  explicit RecordFile(std::string_view path) noexcept;
  // Removes the temporary file unless committed.
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  void text(std::string_view bytes) noexcept;
  template <typename Integer>
  void number(Integer value) noexcept {
    std::array<char, 24> digits;  // to_chars of integers neither allocates nor throws
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  // FNV-1a of all bytes so far, as 16 hexadecimal digits.
  void checksum() noexcept;
  [[nodiscard]] bool commit() noexcept;
  // Of the first call that failed; 0 when none did.
  [[nodiscard]] int error() const noexcept { return error_; }

 private:
  bool make_names(std::string_view path) noexcept;
  void make_folders() noexcept;
  void check(bool succeeded) noexcept;
  void flush() noexcept;

  int fd_ = -1;
  int error_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::size_t used_ = 0;
  std::array<char, 4096> bytes_;
  std::array<char, PATH_MAX> path_;
  std::array<char, PATH_MAX> temporary_;
};

}  // namespace trireme::collectives
