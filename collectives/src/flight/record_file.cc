#include "record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace trireme::collectives {
namespace {

constexpr std::size_t kLongestSuffix = 48;  // ".tmp-PID-N" with both numbers at their longest

// Two writers of one process, one of them a handler that interrupted the other, must not share a temporary file.
constinit std::atomic<std::uint32_t> files_begun{0};

char* append(char* at, std::string_view text) noexcept {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

RecordFile::RecordFile(std::string_view path) noexcept {
  if (!make_names(path)) {
    error_ = ENAMETOOLONG;
    return;
  }
  make_folders();
  fd_ = ::open(temporary_.data(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  check(fd_ >= 0);
}

RecordFile::~RecordFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.data());
}

bool RecordFile::make_names(std::string_view path) noexcept {
  if (path.size() + kLongestSuffix > path_.size()) return false;
  *append(path_.data(), path) = '\0';
  char* end = append(append(temporary_.data(), path), ".tmp-");
  end = std::to_chars(end, end + 20, static_cast<std::int64_t>(::getpid())).ptr;
  *end++ = '-';
  *std::to_chars(end, end + 20, files_begun.fetch_add(1, std::memory_order_relaxed)).ptr = '\0';
  return true;
}

// What cannot be made shows when the file is opened.
void RecordFile::make_folders() noexcept {
  for (char* slash = path_.data() + 1; (slash = std::strchr(slash, '/')) != nullptr; ++slash) {
    *slash = '\0';
    ::mkdir(path_.data(), 0755);
    *slash = '/';
  }
}

void RecordFile::check(bool succeeded) noexcept {
  if (!succeeded && error_ == 0) error_ = errno;
}

void RecordFile::text(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const auto length = std::min(bytes.size(), bytes_.size() - used_);
    for (const char byte : bytes.substr(0, length)) {
      hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    }
    append(bytes_.data() + used_, bytes.substr(0, length));
    used_ += length;
    bytes.remove_prefix(length);
    if (used_ == bytes_.size()) flush();
  }
}

void RecordFile::checksum() noexcept {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::array<char, 16> digits;
  for (std::size_t i = 0; i < digits.size(); ++i) digits[i] = kHexDigits[hash_ >> (60 - 4 * i) & 15U];
  text({digits.data(), digits.size()});
}

void RecordFile::flush() noexcept {
  for (std::size_t written = 0; error_ == 0 && written < used_;) {
    const auto count = ::write(fd_, bytes_.data() + written, used_ - written);
    check(count > 0 || (count < 0 && errno == EINTR));
    if (count > 0) written += static_cast<std::size_t>(count);
  }
  used_ = 0;
}

bool RecordFile::commit() noexcept {
  flush();
  if (error_ == 0) check(::fsync(fd_) == 0);
  if (error_ == 0) check(::rename(temporary_.data(), path_.data()) == 0);
  if (error_ != 0) return false;
  ::close(fd_);
  fd_ = -1;
  return true;
}

}  // namespace trireme::collectives
