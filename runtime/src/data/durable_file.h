#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "trireme/base/unique_fd.h"

namespace trireme {

// A new file that is either complete and on disk, or gone.
//
// Bytes are appended; commit() fsyncs and closes. A file that is not committed is removed by the destructor.
// Every call throws DataError naming the file and the cause (disk full, read-only folder, …). Not thread-safe.
class DurableFile {
 public:
  explicit DurableFile(std::string path);
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  void append(std::span<const std::byte> bytes);
  void commit();

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }  // crc32c of all that was appended

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
  std::uint32_t crc_ = 0;
};

// Makes renames and new names in `folder` survive a power failure.
void sync_folder(const std::string& folder);

// Replaces `path` by a file with this content: temporary name beside it, fsync, rename, fsync of the folder.
void replace_file(const std::string& path, std::string_view content);

}  // namespace trireme
