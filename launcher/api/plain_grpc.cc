#include "api/plain_grpc.h"

#include <chrono>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

constexpr int kIdleMs = 10'000;
constexpr int kAgeMs = 60'000;

class RefusedCall final : public grpc::ServerGenericBidiReactor {
 public:
  RefusedCall() {
    Finish({grpc::StatusCode::UNAVAILABLE,
            "this port speaks TLS: come with its certificate and a token (docs/access.md)"});
  }
  void OnDone() override { delete this; }
};

}  // namespace

class PlainGrpc::Refusal final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new RefusedCall;
  }
};

PlainGrpc::PlainGrpc() : refusal_(std::make_unique<Refusal>()) {
  grpc::EnableDefaultHealthCheckService(false);  // of the server that is built next: this one is not what callers need
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(refusal_.get());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kAgeMs);
  server_ = builder.BuildAndStart();
  if (!server_) throw Error("the gRPC server that turns plain clients away did not start");
}

PlainGrpc::~PlainGrpc() { server_->Shutdown(std::chrono::system_clock::now()); }

void PlainGrpc::turn_away(UniqueFd connection) { grpc::AddInsecureChannelFromFd(server_.get(), connection.release()); }

}  // namespace trireme::launcher
