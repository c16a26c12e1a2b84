#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

// A TCP connection to a port of this machine that sends and reads plain bytes. Nothing blocks longer than 10 s.
class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port, int receive_buffer = 0);

  void send(std::string_view bytes);
  // No more will be sent.
  void finish();
  // Reads until `end` comes; returns everything up to and with it. Throws when the connection ends or stays silent
  // first.
  std::string read_until(std::string_view end);
  // What comes until the other side closes, orderly or not. Throws when it does not.
  std::string read_to_end();

 private:
  bool read_some();

  UniqueFd fd_;
  std::string read_;
};

// One HTTP request on a connection of its own; the whole response.
[[nodiscard]] std::string http(std::uint16_t port, const std::string& method, const std::string& target,
                               const std::string& headers = "");

}  // namespace trireme::launcher
