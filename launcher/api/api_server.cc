#include "api/api_server.h"

#include <sys/socket.h>

#include <utility>

#include <spdlog/spdlog.h>

#include "access/certificate.h"
#include "access/private_file.h"
#include "access/served_names.h"
#include "api/connection_sorter.h"
#include "api/cookies.h"
#include "api/event_hub.h"
#include "api/grpc_front.h"
#include "api/http_gate.h"
#include "api/http_session.h"
#include "api/login.h"
#include "api/plain_grpc.h"
#include "api/tls_door.h"
#include "net/io_thread.h"
#include "net/listener.h"

namespace trireme::launcher {

namespace {

using boost::asio::ip::tcp;

UniqueFd release(tcp::socket socket) {
  boost::system::error_code error;
  socket.native_non_blocking(true, error);
  return UniqueFd(socket.release(error));
}

// Both ends of a connection inside this process, non-blocking.
std::pair<UniqueFd, UniqueFd> connected_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return {};
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A page on the machine itself is at home under loopback's names only, unless the port can be reached from elsewhere.
ServedNames served_names(const ApiServer::Options& options) {
  ServedNames names = is_loopback(options.host) ? ServedNames() : names_of_this_machine();
  if (!is_every_interface(options.host)) names.add(options.host);
  for (const std::string& name : options.names) names.add(name);
  if (!options.guarded) return names;
  for (const std::string& name : look_at_certificate(read_private_file(options.guarded->certificate)).names) {
    names.add(name);
  }
  return names;
}

}  // namespace

// Members are destroyed in reverse order once the thread has stopped: connections before the loop they belong to.
class ApiServer::Impl {
 public:
  Impl(const Options& options, SnapshotSource& source)
      : is_guarded_(options.guarded.has_value()),
        tokens_(is_guarded_ ? options.guarded->tokens : std::filesystem::path()),
        grpc_(options.services, is_guarded_ ? &tokens_ : nullptr),
        gate_({.is_tls = is_guarded_,
               .names = served_names(options),
               .cookie = session_cookie_name(is_guarded_, options.port),
               .tokens = is_guarded_ ? &tokens_ : nullptr}),
        login_(tokens_, session_cookie_name(is_guarded_, options.port), is_guarded_),
        hub_(io_.context(), source),
        face_{.source = source,
              .hub = hub_,
              .gate = gate_,
              .actions = options.actions,
              .login = is_guarded_ ? &login_ : nullptr},
        plain_(is_guarded_ ? std::make_unique<PlainGrpc>() : nullptr),
        door_(is_guarded_ ? open_door(*options.guarded) : nullptr),
        sorter_({}, sinks()),
        listener_(io_.context(), {.face = "gRPC and HTTP", .host = options.host, .port = options.port},
                  [this](tcp::socket socket) { sorter_.sort(std::move(socket)); }) {}

  ~Impl() { io_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  std::unique_ptr<TlsDoor> open_door(const Guarded& guarded) {
    return std::make_unique<TlsDoor>(
        TlsDoor::Options{.certificate = guarded.certificate, .key = guarded.key},
        [this](std::string_view protocol) { return protocol == "h2" ? grpc_.connect() : serve_http_inside(); });
  }

  ConnectionSorter::Sinks sinks() {
    if (!door_) {
      return {.grpc = [this](tcp::socket socket) { grpc_.adopt(release(std::move(socket))); },
              .http = [this](tcp::socket socket) { serve_http(std::move(socket), HttpSession::Duty::kServe); },
              .tls = nullptr};
    }
    return {.grpc = [this](tcp::socket socket) { turn_away_plain(std::move(socket)); },
            .http = [this](tcp::socket socket) { serve_http(std::move(socket), HttpSession::Duty::kSendToHttps); },
            .tls = [this](tcp::socket socket) { door_->welcome(std::move(socket)); }};
  }

  void turn_away_plain(tcp::socket socket) {
    boost::system::error_code ignored;
    spdlog::info("event=plain_grpc_turned_away peer={}", socket.remote_endpoint(ignored).address().to_string());
    plain_->turn_away(release(std::move(socket)));
  }

  void serve_http(tcp::socket socket, HttpSession::Duty duty) {
    std::make_shared<HttpSession>(std::move(socket), face_, duty)->read_request();
  }

  // The other end of a connection that a session serves.
  UniqueFd serve_http_inside() {
    auto [ours, theirs] = connected_pair();
    if (!ours) return {};
    tcp::socket socket(io_.context());
    socket.assign(tcp::v4(), ours.release());  // see TlsPipe: nothing asks what kind of socket it is
    serve_http(std::move(socket), HttpSession::Duty::kServe);
    return std::move(theirs);
  }

  const bool is_guarded_;
  TokenBook tokens_;
  GrpcFront grpc_;
  const HttpGate gate_;
  const Login login_;
  IoThread io_{"api"};
  EventHub hub_;
  const HttpFace face_;
  std::unique_ptr<PlainGrpc> plain_;  // with door_
  std::unique_ptr<TlsDoor> door_;     // null: plain
  ConnectionSorter sorter_;
  Listener listener_;
};

ApiServer::ApiServer(const Options& options, SnapshotSource& source) : impl_(std::make_unique<Impl>(options, source)) {}

ApiServer::~ApiServer() = default;

std::uint16_t ApiServer::port() const { return impl_->port(); }

}  // namespace trireme::launcher
