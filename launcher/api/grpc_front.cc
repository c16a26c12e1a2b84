#include "api/grpc_front.h"

#include <chrono>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::seconds kDrainTime{1};
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;

std::unique_ptr<grpc::Server> build(const std::vector<grpc::Service*>& services) {
  // Called by name, so that the linker keeps the reflection library; both calls are idempotent.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kKeepaliveMs / 4);
  auto server = builder.BuildAndStart();
  if (!server) throw Error("the gRPC server did not start; the lines above from grpc say why");
  return server;
}

}  // namespace

GrpcFront::GrpcFront(const std::vector<grpc::Service*>& services) : server_(build(services)) {}

GrpcFront::~GrpcFront() { server_->Shutdown(std::chrono::system_clock::now() + kDrainTime); }

void GrpcFront::adopt(UniqueFd connection) { grpc::AddInsecureChannelFromFd(server_.get(), connection.release()); }

}  // namespace trireme::launcher
