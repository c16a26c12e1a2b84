#include "store/store_link.h"

#include <poll.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "store/deadline.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/tcp_socket.h"

namespace trireme::detail {

namespace {

using Deadline = std::chrono::steady_clock::time_point;

// The next frame; nullopt with the reason in `error` when the connection ends or the deadline passes.
std::optional<StoreFrame> wait_for_frame(FrameSocket& socket, Deadline deadline, std::string& error) {
  for (;;) {
    if (auto frame = socket.next()) return frame;
    if (wait_for_events(socket.fd(), POLLIN, deadline) == 0) {
      error = "connected, but no answer to the hello";
      return std::nullopt;
    }
    if (!socket.receive()) {
      error = "connected, then " + socket.error();
      return std::nullopt;
    }
  }
}

StoreFrame hello_of(const TcpStore::Options& options) {
  return {.type = FrameType::kHello,
          .id = kStoreProtocolVersion,
          .number = options.rank,
          .key = options.node,
          .value = std::string(kStoreMagic)};
}

// A welcome, or nullopt when another attempt may help.
std::optional<StoreLink> attempt(const TcpStore::Options& options, Deadline deadline, std::string& error) {
  UniqueFd connection = connect_tcp(options.host, options.port, deadline, error);
  if (!connection) return std::nullopt;
  FrameSocket socket(std::move(connection), kMaxFrameBytes);
  socket.queue(hello_of(options));
  if (!socket.flush()) return std::nullopt;
  const auto answer = wait_for_frame(socket, deadline, error);
  if (!answer) return std::nullopt;
  if (answer->type != FrameType::kWelcome) {
    throw ConfigError(
        message("store at {}:{} refused rank {}: {}.", options.host, options.port, options.rank, answer->value));
  }
  return StoreLink{.socket = std::move(socket), .heartbeat_timeout = std::chrono::milliseconds(answer->number)};
}

}  // namespace

StoreLink open_store_link(const TcpStore::Options& options) {
  using namespace std::chrono_literals;
  check_key(options.node);
  const auto deadline = deadline_after(options.connect_timeout);
  std::string error = "no attempt was made";
  for (auto pause = 10ms;; pause = std::min<std::chrono::milliseconds>(pause * 2, 500ms)) {
    try {
      if (auto link = attempt(options, deadline, error)) return *std::move(link);
    } catch (const DataError&) {
      throw ConfigError(message("store: what listens on {}:{} is not a Trireme store. Check host and port.",
                                options.host, options.port));
    }
    if (std::chrono::steady_clock::now() + pause >= deadline) break;
    std::this_thread::sleep_for(pause);
  }
  throw TimeoutError(
      message("store: no connection to {}:{} within {} ms (last error: {}). Is rank 0 or the agent that "
              "serves it running, and is the port open?",
              options.host, options.port, options.connect_timeout.count(), error));
}

}  // namespace trireme::detail
