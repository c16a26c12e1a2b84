// Many Dask workers in one process that do nothing, so that the scheduler's own speed is seen.
//
//   bench_zero_workers --scheduler 127.0.0.1:8786 --workers 16 [--hold]
//
// Prints a line of JSON when standard input ends: tasks finished, and the CPU seconds of this process.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "zero_worker.h"

namespace trireme::bench {
namespace {

namespace asio = boost::asio;

struct Counts {
  std::int64_t finished = 0;
  std::int64_t held = 0;
  int running = 0;
};

int run(const ZeroWorkerOptions& options, int count, bool hold) {
  asio::io_context io(1);
  Counts counts;
  const auto on_task = [&](ZeroWorker&, const launcher::dask::Object&) {
    ++(hold ? counts.held : counts.finished);
    return !hold;
  };
  std::vector<std::unique_ptr<ZeroWorker>> workers;
  for (int number = 0; number < count; ++number) {
    workers.push_back(std::make_unique<ZeroWorker>(io, options, number, on_task, [&] { ++counts.running; }));
    workers.back()->start();
  }
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  std::array<char, 64> ignored{};
  input.async_read_some(asio::buffer(ignored), [&](const boost::system::error_code&, std::size_t) { io.stop(); });
  io.run();
  std::printf("{\"finished\": %lld, \"held\": %lld, \"running\": %d, \"cpu_seconds\": %.6f}\n",
              static_cast<long long>(counts.finished), static_cast<long long>(counts.held), counts.running,
              cpu_seconds());
  return 0;
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  CLI::App app("Dask workers that finish every task at once.");
  trireme::bench::ZeroWorkerOptions options;
  std::string scheduler = "127.0.0.1:8786";
  int workers = 16;
  bool hold = false;
  app.add_option("--scheduler", scheduler, "HOST:PORT")->capture_default_str();
  app.add_option("--workers", workers, "how many")->capture_default_str();
  app.add_option("--threads", options.threads, "that each says it has")->capture_default_str();
  app.add_flag("--hold", hold, "take tasks and never finish them");
  CLI11_PARSE(app, argc, argv);
  options.scheduler = trireme::bench::endpoint_of(scheduler);
  return trireme::bench::run(options, workers, hold);
}
