#include "data/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "data/checksum.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

DurableFile::DurableFile(std::string path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (!fd_) fail("create");
}

DurableFile::~DurableFile() {
  if (fd_) ::unlink(path_.c_str());
}

void DurableFile::append(std::span<const std::byte> bytes) {
  crc_ = crc32c(bytes, crc_);
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
  }
}

void DurableFile::commit() {
  if (::fsync(fd_.get()) != 0) fail("fsync");
  // Some file systems report a full disk only here.
  if (::close(fd_.release()) != 0) {
    const int cause = errno;
    ::unlink(path_.c_str());
    errno = cause;
    fail("close");
  }
}

void DurableFile::fail(const char* what) const {
  throw DataError(message("{}: cannot {} after {} bytes: {}", path_, what, bytes_, std::strerror(errno)));
}

void sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw DataError(message("{}: cannot fsync: {}", folder, std::strerror(errno)));
}

void replace_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  DurableFile file(temporary);
  file.append(std::as_bytes(std::span(content)));
  file.commit();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int cause = errno;
    ::unlink(temporary.c_str());
    throw DataError(message("{}: cannot rename over it: {}", path, std::strerror(cause)));
  }
  const auto folder = std::filesystem::path(path).parent_path();
  sync_folder(folder.empty() ? "." : folder.string());
}

}  // namespace trireme
