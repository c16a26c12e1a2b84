#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

// JSON lines over a unix stream socket: what shims, `launcher rsh` and ranks say to their node's agent.
//
// Threads: send() from any, receive() from one at a time. Failure: a closed or broken connection is false or nullopt,
// never an exception.
class LineChannel {
 public:
  explicit LineChannel(UniqueFd socket) : socket_(std::move(socket)) {}

  // Blocks while the peer's buffer is full. `descriptors` travel with the line; the caller keeps its own copies.
  bool send(const nlohmann::json& message, const std::vector<int>& descriptors = {});
  // Blocks until a whole line is there; without the line end. nullopt at the end of the connection, or for a line above
  // 1 MiB.
  std::optional<std::string> receive();
  // A line that is already here, without blocking for one.
  std::optional<std::string> take_buffered();
  // Reads what the socket has into the buffer; false at the end of the connection. Blocks when there is nothing.
  bool fill();
  // Descriptors that came so far; the caller takes ownership.
  [[nodiscard]] std::vector<UniqueFd> take_descriptors() { return std::move(descriptors_); }
  // Makes receive() of another thread return.
  void shut_down() noexcept;
  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }

 private:
  UniqueFd socket_;
  std::mutex send_mutex_;  // keeps lines whole
  std::string buffer_;
  std::vector<UniqueFd> descriptors_;
};

// Throws ConfigError naming the path (unix sockets allow 107 bytes) or the reason.
[[nodiscard]] UniqueFd listen_unix(const std::filesystem::path& path);
[[nodiscard]] UniqueFd connect_unix(const std::filesystem::path& path);
// True when the peer of a unix socket runs as this user.
[[nodiscard]] bool is_own_user(int socket);

// Parses one line; an object of no type when it is not JSON.
[[nodiscard]] nlohmann::json parse_line(const std::string& line);

}  // namespace trireme::launcher
