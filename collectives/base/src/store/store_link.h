#pragma once

#include <chrono>
#include <string>

#include "store/frame_socket.h"
#include "trireme/base/store.h"

namespace trireme::detail {

// A connection that the server has welcomed.
struct StoreLink {
  FrameSocket socket;
  std::chrono::milliseconds heartbeat_timeout;
};

// Connects and says hello, again and again until options.connect_timeout. Throws as TcpStore's constructor does.
[[nodiscard]] StoreLink open_store_link(const TcpStore::Options& options);

}  // namespace trireme::detail
