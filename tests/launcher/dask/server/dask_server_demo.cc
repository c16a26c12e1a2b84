// Serves port 8786's face alone, for tests with real clients and workers:
//
//   dask_server_demo [--port N] [--python PROGRAM] [--in-worker] [--most-unsent BYTES] [--silence SECONDS]
//                    [--tls-ca FILE --tls-certificate FILE --tls-key FILE]
//
// Prints the port, then serves until its standard input ends. Each line of that is the name of a worker to retire, and
// is printed when this is done.
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "dask/dask_server.h"
#include "demo_cluster.h"

int main(int argc, char** argv) {
  using namespace trireme::launcher;
  signal(SIGPIPE, SIG_IGN);
  spdlog::set_default_logger(spdlog::stderr_logger_mt("dask"));
  CLI::App app("Serves Dask's scheduler alone");
  DaskServer::Options options{.port = 0, .cluster_name = "demo"};
  app.add_option("--port", options.port, "0: any free one");
  app.add_option("--python", options.python, "that opens graphs");
  app.add_flag("--in-worker", options.materialize_in_worker, "open graphs inside of a worker");
  app.add_option("--most-unsent", options.most_unsent_bytes, "bytes that may wait for one peer");
  app.add_option("--silence", options.worker_silence_seconds, "seconds after which a silent worker is dead");
  app.add_option("--tls-ca", options.tls_ca);
  app.add_option("--tls-certificate", options.tls_certificate);
  app.add_option("--tls-key", options.tls_key);
  CLI11_PARSE(app, argc, argv);

  FakeSource source;
  show_busy_cluster(source, 3);
  DaskServer server(options, source);
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  for (std::string name; std::getline(std::cin, name);) {
    server.retire(name, [name] {
      std::puts(name.c_str());
      std::fflush(stdout);
    });
  }
}
