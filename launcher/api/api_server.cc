#include "api/api_server.h"

#include <utility>

#include "api/connection_sorter.h"
#include "api/event_hub.h"
#include "api/grpc_front.h"
#include "api/http_session.h"
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

}  // namespace

// Members are destroyed in reverse order once the thread has stopped: connections before the loop they belong to.
class ApiServer::Impl {
 public:
  Impl(const Options& options, SnapshotSource& source)
      : grpc_(options.services),
        source_(source),
        hub_(io_.context(), source),
        sorter_(
            {}, [this](tcp::socket socket) { grpc_.adopt(release(std::move(socket))); },
            [this](tcp::socket socket) { serve_http(std::move(socket)); }),
        listener_(io_.context(), {.face = "gRPC and HTTP", .host = options.host, .port = options.port},
                  [this](tcp::socket socket) { sorter_.sort(std::move(socket)); }) {}

  ~Impl() { io_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  void serve_http(tcp::socket socket) {
    std::make_shared<HttpSession>(std::move(socket), source_, hub_)->read_request();
  }

  GrpcFront grpc_;
  SnapshotSource& source_;
  IoThread io_{"api"};
  EventHub hub_;
  ConnectionSorter sorter_;
  Listener listener_;
};

ApiServer::ApiServer(const Options& options, SnapshotSource& source) : impl_(std::make_unique<Impl>(options, source)) {}

ApiServer::~ApiServer() = default;

std::uint16_t ApiServer::port() const { return impl_->port(); }

}  // namespace trireme::launcher
