#include "api/grpc_front.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstddef>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include "access/secret.h"
#include "api/grpc_guard.h"
#include "api/stream_watch.h"
#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::seconds kDrainTime{1};
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;

constexpr int kIdleMs = 300'000;  // a connection without calls, where strangers can make them

void listen_guarded(grpc::ServerBuilder& builder, const std::string& name, const TokenBook& tokens,
                    StreamWatch& watch) {
  const auto credentials = grpc::experimental::LocalServerCredentials(UDS);
  credentials->SetAuthMetadataProcessor(make_grpc_guard(tokens));
  builder.AddListeningPort("unix-abstract:" + name, credentials);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(watch.make_factory());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
}

std::unique_ptr<grpc::Server> build(const std::vector<grpc::Service*>& services, const std::string& name,
                                    const TokenBook* tokens, StreamWatch* watch) {
  // Called by name, so that the linker keeps the reflection library; both calls are idempotent.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kKeepaliveMs / 4);
  if (tokens != nullptr) listen_guarded(builder, name, *tokens, *watch);
  auto server = builder.BuildAndStart();
  if (!server) throw Error("the gRPC server did not start; the lines above from grpc say why");
  return server;
}

}  // namespace

GrpcFront::GrpcFront(const std::vector<grpc::Service*>& services, const TokenBook* tokens)
    : name_(tokens == nullptr ? "" : "trireme-" + random_digits(16)),
      watch_(tokens == nullptr ? nullptr : std::make_unique<StreamWatch>(*tokens)),
      server_(build(services, name_, tokens, watch_.get())) {}

GrpcFront::~GrpcFront() { server_->Shutdown(std::chrono::system_clock::now() + kDrainTime); }

void GrpcFront::adopt(UniqueFd connection) { grpc::AddInsecureChannelFromFd(server_.get(), connection.release()); }

UniqueFd GrpcFront::connect() const {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  name_.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);  // a zero first: a name without a file
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) socket.reset();
  return socket;
}

}  // namespace trireme::launcher
