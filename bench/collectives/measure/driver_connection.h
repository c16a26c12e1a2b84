#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trireme::bench {

// Lines to and from the driver over its unix socket. Blocking. Throws std::system_error.
class DriverConnection {
 public:
  explicit DriverConnection(const std::string& path);
  ~DriverConnection();
  DriverConnection(const DriverConnection&) = delete;
  DriverConnection& operator=(const DriverConnection&) = delete;

  void write_line(std::string_view line);
  // Without the newline; nullopt when the driver has closed the connection.
  [[nodiscard]] std::optional<std::string> read_line();

 private:
  int socket_;
  std::string unread_;
};

}  // namespace trireme::bench
