#include "dask/dask_server.h"

#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "dask/materializer/helper_process.h"
#include "dask/materializer/host_materializer.h"
#include "dask/materializer/worker_host.h"
#include "dask/server/operations/retirement.h"
#include "dask/server/security.h"
#include "dask/server/session.h"
#include "dask/server/worker_python.h"
#include "net/io_thread.h"
#include "net/listener.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace trireme::launcher {

namespace {

using boost::asio::ip::tcp;

dask::HubSettings settings_of(const DaskServer::Options& options) {
  dask::HubSettings settings{.cluster_name = options.cluster_name, .dashboard_port = options.dashboard_port};
  settings.limits.unsent_bytes = options.most_unsent_bytes;
  settings.limits.handshake_patience =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>(options.handshake_seconds));
  settings.worker_silence_seconds = options.worker_silence_seconds;
  settings.board = options.board;
  return settings;
}

// A Python beside the scheduler first; where there is none, one inside of a worker.
std::unique_ptr<dask::Materializer> make_materializer(dask::Hub& hub, const DaskServer::Options& options) {
  std::vector<std::unique_ptr<dask::PythonHost>> hosts;
  if (!options.materialize_in_worker)
    hosts.push_back(std::make_unique<dask::HelperProcess>(hub.context, dask::HelperOptions{.python = options.python}));
  const auto in_worker = std::make_shared<dask::WorkerPython>(hub);
  hosts.push_back(std::make_unique<dask::WorkerHost>([in_worker](dask::Bytes request, dask::WorkerPython::Done done) {
    in_worker->call(std::move(request), std::move(done));
  }));
  return std::make_unique<dask::HostMaterializer>(std::move(hosts));
}

}  // namespace

// Members are destroyed in reverse order once the thread has stopped: connections before the loop they belong to.
class DaskServer::Impl {
 public:
  Impl(const Options& options, SnapshotSource& source)
      : options_(options),
        security_(dask::make_security({options.tls_ca, options.tls_certificate, options.tls_key})),
        hub_(io_.context(), settings_of(options), security_, source,
             [&](dask::Hub& hub) { return make_materializer(hub, options); }),
        listener_(io_.context(), {.face = "Dask", .host = options.host, .port = options.port},
                  [this](tcp::socket socket) { serve(std::move(socket)); }) {
    hub_.start();
  }

  ~Impl() { io_.stop(); }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

  void retire(const std::string& name, std::function<void()> done) {
    boost::asio::post(io_.context(), [this, name, done = std::move(done)] {
      boost::asio::co_spawn(io_.context(), dask::retire_named(hub_, name), [done](std::exception_ptr) { done(); });
    });
  }

 private:
  void serve(tcp::socket socket) {
    if (connections_ >= options_.most_connections) {
      spdlog::warn("event=dask_connection_refused open={}", connections_);
      return;
    }
    ++connections_;
    const auto connection =
        std::make_shared<dask::Connection>(dask::Transport(std::move(socket), security_), hub_.settings.limits);
    boost::asio::co_spawn(io_.context(), dask::serve(hub_, connection), [this](std::exception_ptr) { --connections_; });
  }

  Options options_;
  dask::Security security_;
  IoThread io_{"dask"};
  dask::Hub hub_;
  Listener listener_;
  std::size_t connections_ = 0;
};

DaskServer::DaskServer(const Options& options, SnapshotSource& source)
    : impl_(std::make_unique<Impl>(options, source)) {}

DaskServer::~DaskServer() = default;

std::uint16_t DaskServer::port() const { return impl_->port(); }

void DaskServer::retire(const std::string& name, std::function<void()> done) { impl_->retire(name, std::move(done)); }

}  // namespace trireme::launcher
