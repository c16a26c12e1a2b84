#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <grpcpp/support/server_interceptor.h>

#include "access/role.h"
#include "access/token_book.h"

namespace trireme::launcher {

// Ends gRPC streams whose token was revoked or has expired since they began, within about a second: grpc_guard asks
// only when a call begins. Their callers see CANCELLED. Thread-safe; `tokens` outlives it, and it the server.
class StreamWatch {
 public:
  explicit StreamWatch(const TokenBook& tokens);
  ~StreamWatch();
  StreamWatch(const StreamWatch&) = delete;
  StreamWatch& operator=(const StreamWatch&) = delete;

  // For ServerBuilder::experimental().SetInterceptorCreators().
  [[nodiscard]] std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> make_factory();

 private:
  class Interceptor;
  class Factory;
  struct Stream {
    std::string token_id;
    Role needed = Role::kAdmin;
  };

  void add(grpc::ServerContextBase* context, std::string_view secret, std::string_view method);
  void forget(grpc::ServerContextBase* context);
  void look(const std::stop_token& stop);
  void end_refused();

  const TokenBook& tokens_;
  std::mutex mutex_;  // guards streams_
  std::map<grpc::ServerContextBase*, Stream> streams_;
  std::jthread looker_;
};

}  // namespace trireme::launcher
