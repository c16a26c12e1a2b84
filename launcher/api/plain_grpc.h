#pragma once

#include <memory>

#include "trireme/base/unique_fd.h"

namespace grpc {
class Server;
}

namespace trireme::launcher {

// Answers gRPC clients that came without TLS to a port that speaks it: every call fails with UNAVAILABLE and says so.
// (A connection that was closed would only say "connection reset", and HTTP/2's GOAWAY makes clients try again at
// once.) Thread-safe.
class PlainGrpc {
 public:
  PlainGrpc();
  ~PlainGrpc();
  PlainGrpc(const PlainGrpc&) = delete;
  PlainGrpc& operator=(const PlainGrpc&) = delete;

  // Takes over a connected, non-blocking socket of which nothing has been read.
  void turn_away(UniqueFd connection);

 private:
  class Refusal;
  std::unique_ptr<Refusal> refusal_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace trireme::launcher
