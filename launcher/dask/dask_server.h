#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

class LiveTaskBoard;

// Port 8786: a scheduler for unmodified clients and workers of Dask's `distributed`.
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
    // PEM files for tls://, all or none. Peers must show a certificate of the same authority.
    std::string tls_ca;
    std::string tls_certificate;
    std::string tls_key;
    std::string python;  // that opens graphs; empty: TRIREME_DASK_PYTHON, else a python3 on PATH that has Dask
    bool materialize_in_worker = false;          // open graphs in a worker, also where this host has a Python with Dask
    std::size_t most_unsent_bytes = 256u << 20;  // that may wait for one peer to read
    std::size_t most_connections = 16'384;
    double handshake_seconds = 10;        // a peer that says nothing for this long is disconnected
    double worker_silence_seconds = 300;  // without a heartbeat: the worker is taken for dead
    LiveTaskBoard* board = nullptr;       // shows the other faces what goes on; outlives the server; null: nobody
  };

  // Throws ConfigError that names host and port when they cannot be bound, or the file that TLS cannot use.
  DaskServer(const Options& options, SnapshotSource& source);
  ~DaskServer();
  DaskServer(const DaskServer&) = delete;
  DaskServer& operator=(const DaskServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // Brings the results away that only the worker of this name has, and those of its siblings NAME-0, NAME-1, …, which
  // take no more tasks. Then calls `done` on the server's thread, also when nobody can take them or there is no such
  // worker; not when the server ends before. Returns at once.
  void retire(const std::string& name, std::function<void()> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme::launcher
