#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trireme/base/unique_fd.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace trireme::launcher {

class StreamWatch;
class TokenBook;

// A gRPC server without a TCP port: connections are given to it. Reflection and grpc.health.v1 are on.
//
// With `tokens` every call must bring one whose role reaches. gRPC can only ask for them on connections that come to a
// listener of its own, so the server has one there, on a unix socket without a file and with a random name; who finds
// it gets no further without a token than on the port itself. A stream ends when its token does. Thread-safe. The
// destructor cancels what is still open after a second and waits for handlers to return. `services` and `tokens` must
// outlive it.
class GrpcFront {
 public:
  explicit GrpcFront(const std::vector<grpc::Service*>& services, const TokenBook* tokens = nullptr);
  ~GrpcFront();
  GrpcFront(const GrpcFront&) = delete;
  GrpcFront& operator=(const GrpcFront&) = delete;

  // Takes over a connected, non-blocking socket of which nothing has been read. Only without tokens.
  void adopt(UniqueFd connection);
  // A new connection to the server, non-blocking; empty when it has too many waiting. Only with tokens.
  [[nodiscard]] UniqueFd connect() const;

 private:
  std::string name_;                    // of the unix socket; empty without tokens
  std::unique_ptr<StreamWatch> watch_;  // null without tokens
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace trireme::launcher
