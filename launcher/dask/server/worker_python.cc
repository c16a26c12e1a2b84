#include "dask/server/worker_python.h"

#include <utility>

#include <boost/asio/detached.hpp>

#include "dask/server/operations/broadcast.h"

namespace trireme::launcher::dask {

namespace {

constexpr double kChoicePause = 0.05;

}  // namespace

void WorkerPython::call(Bytes request, Done done) {
  boost::asio::co_spawn(hub_.context, run(std::move(request), std::move(done)), boost::asio::detached);
}

Awaitable<void> WorkerPython::choose_worker() {
  while (!hub_.workers.find(worker_)) {
    const std::vector<std::string> running = hub_.workers.running();
    if (!running.empty()) {
      worker_ = running.front();
    } else {
      co_await hub_.pause(kChoicePause);
    }
  }
}

Awaitable<void> WorkerPython::run(Bytes request, Done done) {
  const auto self = shared_from_this();
  ++hub_.waiting_for_any_worker;
  co_await choose_worker();
  --hub_.waiting_for_any_worker;
  MessageWriter out;
  out.packed(request.view());
  Call call{.address = worker_, .request = out.finish()};
  CallResult result = co_await hub_.calls.call(std::move(call), kUserPatience);
  if (result.reply) {
    done(std::move(*result.reply));
  } else {
    done(result.error);
  }
}

}  // namespace trireme::launcher::dask
