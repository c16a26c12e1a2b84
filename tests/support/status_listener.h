#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "trireme/base/unique_fd.h"

namespace trireme::test {

// The agent's end of a status socket.
class StatusListener {
 public:
  explicit StatusListener(const std::string& path) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
  }

  void accept() { connection_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  void hang_up() { connection_.reset(); }

  // Blocks until a line has come.
  std::string read_line() {
    for (;;) {
      const auto end = received_.find('\n');
      if (end != std::string::npos) {
        const auto line = received_.substr(0, end);
        received_.erase(0, end + 1);
        return line;
      }
      std::array<char, 4096> bytes;
      const auto count = ::recv(connection_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return {};
      received_.append(bytes.data(), static_cast<std::size_t>(count));
    }
  }

  // All that has come so far.
  std::string drain() {
    std::array<char, 65536> bytes;
    for (ssize_t count = 1; count > 0;) {
      count = ::recv(connection_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (count > 0) received_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return std::exchange(received_, {});
  }

 private:
  UniqueFd listener_;
  UniqueFd connection_;
  std::string received_;
};

}  // namespace trireme::test
