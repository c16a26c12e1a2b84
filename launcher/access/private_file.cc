#include "access/private_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

namespace {

[[noreturn]] void fail_file(const char* verb, const std::filesystem::path& file) {
  throw DataError(message("cannot {} {}: {}", verb, file.string(), std::strerror(errno)));
}

}  // namespace

void write_private_file(const std::filesystem::path& file, const std::string& text) {
  std::string temporary = file.string() + ".XXXXXX";
  const UniqueFd out(mkostemp(temporary.data(), O_CLOEXEC));  // 0600 by contract
  if (!out) fail_file("write", file);
  const bool is_written = ::write(out.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                          ::fsync(out.get()) == 0 && std::rename(temporary.c_str(), file.c_str()) == 0;
  if (is_written) return;
  const int reason = errno;
  ::unlink(temporary.c_str());
  errno = reason;
  fail_file("write", file);
}

std::string read_private_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail_file("read", file);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad()) fail_file("read", file);
  return text;
}

std::string read_secret_file(const std::filesystem::path& file) {
  const std::string text = read_private_file(file);
  const std::string secret = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  if (secret.empty()) throw DataError(message("{} holds no token", file.string()));
  return secret;
}

}  // namespace trireme::launcher
