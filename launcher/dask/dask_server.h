#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

// Port 8786: the comms of Dask's `distributed`, so that a real Client connects and sees nodes and runs.
//
// What is spoken and what is refused: PROTOCOL.md. Garbage closes its own connection and nobody else's; memory for each
// connection is bounded.
// Starts in the constructor, stops in the destructor. `source` must outlive it. Thread-safe; it reads `source` on its
// own thread.
class DaskServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8786;            // 0: any free one
    std::uint16_t dashboard_port = 8787;  // what Client.dashboard_link points at
    std::string cluster_name;
  };

  // Throws ConfigError that names host and port when they cannot be bound.
  DaskServer(const Options& options, SnapshotSource& source);
  ~DaskServer();
  DaskServer(const DaskServer&) = delete;
  DaskServer& operator=(const DaskServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme::launcher
