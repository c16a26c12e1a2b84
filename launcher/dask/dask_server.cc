#include "dask/dask_server.h"

#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dask/session.h"
#include "net/io_thread.h"
#include "net/listener.h"

namespace trireme::launcher {

namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kMostConnections = 1024;

std::string make_id() {
  std::random_device random;
  return fmt::format("Scheduler-{:08x}{:08x}", random(), random());
}

// As the peer reached it: a scheduler that listens on every interface has no one address of its own.
std::string address_of(const tcp::socket& socket) {
  boost::system::error_code error;
  const tcp::endpoint local = socket.local_endpoint(error);
  const std::string host = local.address().to_string();
  return local.address().is_v6() ? fmt::format("tcp://[{}]:{}", host, local.port())
                                 : fmt::format("tcp://{}:{}", host, local.port());
}

}  // namespace

// Members are destroyed in reverse order once the thread has stopped: connections before the loop they belong to.
class DaskServer::Impl {
 public:
  Impl(const Options& options, SnapshotSource& source)
      : options_(options),
        source_(source),
        listener_(io_.context(), {.face = "Dask", .host = options.host, .port = options.port},
                  [this](tcp::socket socket) { serve(std::move(socket)); }) {}

  ~Impl() { io_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  void serve(tcp::socket socket) {
    std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
    if (sessions_.size() >= kMostConnections) {
      spdlog::warn("event=dask_connection_refused open={}", sessions_.size());
      return;
    }
    dask::Scene scene{.source = source_,
                      .id = id_,
                      .address = address_of(socket),
                      .dashboard_port = options_.dashboard_port,
                      .cluster_name = options_.cluster_name};
    auto session = std::make_shared<dask::Session>(std::move(socket), std::move(scene));
    sessions_.push_back(session);
    session->start();
  }

  Options options_;
  SnapshotSource& source_;
  std::string id_ = make_id();
  std::vector<std::weak_ptr<dask::Session>> sessions_;
  IoThread io_{"dask"};
  Listener listener_;
};

DaskServer::DaskServer(const Options& options, SnapshotSource& source)
    : impl_(std::make_unique<Impl>(options, source)) {}

DaskServer::~DaskServer() = default;

std::uint16_t DaskServer::port() const { return impl_->port(); }

}  // namespace trireme::launcher
