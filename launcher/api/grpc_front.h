#pragma once

#include <memory>
#include <vector>

#include "trireme/base/unique_fd.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace trireme::launcher {

// A gRPC server without a port: connections are given to it as descriptors. Reflection and grpc.health.v1 are on.
//
// Thread-safe. The destructor cancels what is still open after a second and waits for handlers to return. `services`
// must outlive it. The only file that includes grpcpp is its source.
class GrpcFront {
 public:
  explicit GrpcFront(const std::vector<grpc::Service*>& services);
  ~GrpcFront();
  GrpcFront(const GrpcFront&) = delete;
  GrpcFront& operator=(const GrpcFront&) = delete;

  // Takes over a connected, non-blocking socket of which nothing has been read.
  void adopt(UniqueFd connection);

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace trireme::launcher
