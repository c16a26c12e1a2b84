#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "peer_connection.h"

namespace trireme::bench {

struct ZeroWorkerOptions {
  boost::asio::ip::tcp::endpoint scheduler;
  int threads = 1;  // that each says it has
};

// A Dask worker that does nothing: a task is finished when it arrives ("zero workers", as in Runtime vs Scheduler,
// arXiv 2010.11105).
class ZeroWorker {
 public:
  // on_task(worker, compute-task operation): whether it ends at once; else finish() may end it later.
  using OnTask = std::function<bool(ZeroWorker&, const launcher::dask::Object&)>;
  using OnRunning = std::function<void()>;

  ZeroWorker(boost::asio::io_context& io, const ZeroWorkerOptions& options, int number, OnTask on_task,
             OnRunning on_running);

  void start();
  void finish(std::string_view key, std::int64_t run_id);

 private:
  void write_metrics(launcher::dask::MessageWriter& out) const;
  void register_worker();
  void on_stream(const launcher::dask::Message& message);
  void say_running(const launcher::dask::Message& reply);
  std::size_t answer(const launcher::dask::Object& operation, launcher::dask::MessageWriter& out);
  void beat_later();

  const ZeroWorkerOptions options_;
  const std::string address_;
  const std::string name_;
  const OnTask on_task_;
  const OnRunning on_running_;
  boost::asio::steady_timer beat_;
  std::shared_ptr<PeerConnection> stream_;
  std::shared_ptr<PeerConnection> calls_;
  bool is_registered_ = false;
};

// Of this process.
[[nodiscard]] double cpu_seconds();

// "127.0.0.1:8786"
[[nodiscard]] boost::asio::ip::tcp::endpoint endpoint_of(const std::string& text);

}  // namespace trireme::bench
