// One rank of Trireme in the collectives benchmark. Started by run.py, which tells it over a unix socket what to
// measure.
#include <CLI/CLI.hpp>
#include <iostream>

#include "../measure/rank_program.h"
#include "../measure/start_line.h"
#include "footprint.h"
#include "gpu.h"
#include "trireme_system.h"
#include "world.h"

namespace {

struct Options {
  std::string backend = "shm";
  std::int64_t footprint = 0;
  trireme::bench::RankOptions driver;
};

int run_rank(const Options& options) {
  const trireme::RankEnvironment environment = trireme::read_rank_environment();
  trireme::bench::pin_to_core(environment.rank, environment.world_size);
  if (options.footprint > 0) {
    const std::string line = trireme::bench::measure_footprint(options.backend, environment, options.footprint);
    if (!line.empty()) std::cout << line << '\n';
    return 0;
  }
  if (options.backend == "nccl") return trireme::bench::serve_gpu(options.driver, environment);
  const trireme::bench::World world = trireme::bench::open_world(options.backend, environment);
  trireme::bench::TriremeSystem system(*world.communicator);
  return trireme::bench::serve(system, options.driver, environment.rank, environment.world_size);
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  CLI::App app("One rank of Trireme in the collectives benchmark; scripts/bench collectives starts it");
  app.add_option("--backend", options.backend, "auto, single, shm, tcp, mpi, hierarchical or nccl")
      ->capture_default_str();
  auto* footprint = app.add_option("--footprint", options.footprint,
                                   "Only measure what a communicator with this many bytes a rank costs beyond them");
  app.add_option("--socket", options.driver.socket, "The driver's unix socket")->excludes(footprint);
  app.add_option("--page", options.driver.page, "The start line's file")->excludes(footprint);
  CLI11_PARSE(app, argc, argv);
  return run_rank(options);
} catch (const std::exception& error) {
  std::cerr << "bench_collectives: error: " << error.what() << '\n';
  return 1;
}
