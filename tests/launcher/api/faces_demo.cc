// Serves both faces over made-up data, for tests with real clients and for looking at the dashboard:
//
//   faces_demo [--http-port N] [--dask-port N] [--empty] [--steps N] [--ranks N] [--still] [--name NAME]
//
// Prints one JSON line with the ports, then serves until its standard input ends. --still makes no more steps.
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

#include <CLI/CLI.hpp>

#include "api/api_server.h"
#include "dask/dask_server.h"
#include "demo_cluster.h"

namespace {

using namespace trireme::launcher;

constexpr std::chrono::milliseconds kStep{60};

void make_steps(std::stop_token stop, FakeSource& source, int step) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, stop, kStep, [&] { return stop.stop_requested(); })) {
    make_step(source, ++step);
    if (stop.stop_requested()) return;
  }
}

void wait_for_end_of_input() {
  char ignored[64];
  while (::read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Serves both faces of the launcher over made-up data");
  ApiServer::Options http{.port = 0};
  DaskServer::Options dask{.port = 0, .cluster_name = "default"};
  int steps = 640;
  int ranks = 4;
  bool is_empty = false;
  bool is_still = false;
  app.add_option("--http-port", http.port, "0: any free one");
  app.add_option("--dask-port", dask.port, "0: any free one");
  app.add_option("--dask-python", dask.python, "that opens graphs");
  app.add_option("--steps", steps, "steps of the run under way that were made before");
  app.add_option("--ranks", ranks, "of the run under way");
  app.add_option("--name", dask.cluster_name, "of the cluster");
  app.add_flag("--empty", is_empty, "no node and no run");
  app.add_flag("--still", is_still, "no further steps");
  CLI11_PARSE(app, argc, argv);

  FakeSource source;
  is_empty ? show_empty_cluster(source) : show_busy_cluster(source, steps, ranks);
  source.update([&](ClusterSnapshot& cluster) { cluster.name = dask.cluster_name; });
  const ApiServer api(http, source);
  dask.dashboard_port = api.port();
  dask.board = &source.board;
  const DaskServer server(dask, source);
  std::printf("{\"http\": %d, \"dask\": %d}\n", api.port(), server.port());
  std::fflush(stdout);
  std::jthread stepper;
  if (!is_empty && !is_still) stepper = std::jthread([&](std::stop_token stop) { make_steps(stop, source, steps); });
  wait_for_end_of_input();
}
