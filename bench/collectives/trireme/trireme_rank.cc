// One rank of Trireme in the collectives benchmark. Started by run.py, which tells it over a unix socket what to
// measure.
#include <CLI/CLI.hpp>
#include <iostream>

#include "../measure/rank_program.h"
#include "../measure/start_line.h"
#include "trireme_system.h"
#include "world.h"

int main(int argc, char** argv) try {
  std::string backend = "shm";
  trireme::bench::RankOptions options;
  CLI::App app("One rank of Trireme in the collectives benchmark; scripts/bench collectives starts it");
  app.add_option("--backend", backend, "shm, tcp, mpi or single")->capture_default_str();
  app.add_option("--socket", options.socket, "The driver's unix socket")->required();
  app.add_option("--page", options.page, "The start line's file")->required();
  CLI11_PARSE(app, argc, argv);

  const trireme::RankEnvironment environment = trireme::read_rank_environment();
  trireme::bench::pin_to_core(environment.rank);
  const trireme::bench::World world = trireme::bench::open_world(backend, environment);
  trireme::bench::TriremeSystem system(*world.communicator);
  return trireme::bench::serve(system, options, environment.rank, environment.world_size);
} catch (const std::exception& error) {
  std::cerr << "bench_collectives: error: " << error.what() << '\n';
  return 1;
}
