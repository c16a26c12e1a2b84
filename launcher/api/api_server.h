#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/snapshot.h"

namespace grpc {
class Service;
}

namespace trireme::launcher {

class Actions;

// Port 8787: gRPC, HTTP and the dashboard on one listener.
//
// A connection's first bytes tell which it is: HTTP/2's preface goes to a grpc::Server that has no port of its own,
// with reflection and grpc.health.v1 on; anything that looks like HTTP/1 goes to the pages and JSON routes (README.md
// lists them); the rest is closed. Guarded, a TLS handshake comes first, and what comes without is told to use https.
// Starts in the constructor, stops in the destructor: open streams are cancelled after
// a second. `services`, `actions` and `source` must outlive it. Thread-safe; it reads `source` on its own thread.
class ApiServer {
 public:
  // TLS, and a token or a cookie for everything but the login page.
  struct Guarded {
    std::filesystem::path tokens;       // the token book
    std::filesystem::path certificate;  // PEM files
    std::filesystem::path key;
  };
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8787;  // 0: any free one
    std::vector<grpc::Service*> services;
    std::optional<Guarded> guarded;  // nullopt: plain, and nobody is asked who they are
    std::vector<std::string> names;  // host names served besides loopback's, the machine's and the certificate's
    Actions* actions = nullptr;      // null: HTTP only reads
  };

  // Throws ConfigError that names host and port when they cannot be bound, DataError naming a file that cannot be used.
  ApiServer(const Options& options, SnapshotSource& source);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trireme::launcher
