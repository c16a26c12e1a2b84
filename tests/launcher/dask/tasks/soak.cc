// Runs the simulation for long: launcher_dask_tasks_soak [--events N] [--seed S] [--events-each N]
//
// Each simulation has a seed of its own, counting from S, and a share of the events; prints a line a hundred of them.
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "launcher/dask/tasks/simulation.h"

int main(int argc, char** argv) {
  std::map<std::string, std::uint64_t> options{{"--events", 1'000'000}, {"--seed", 1}, {"--events-each", 4000}};
  for (int i = 1; i < argc; i += 2) {
    const auto option = options.find(argv[i]);
    if (option == options.end() || i + 1 == argc) {
      std::cerr << "usage: launcher_dask_tasks_soak [--events N] [--seed S] [--events-each N]\n";
      return 2;
    }
    option->second = std::strtoull(argv[i + 1], nullptr, 10);
  }
  std::uint64_t events = 0;
  std::uint64_t simulations = 0;
  for (std::uint64_t seed = options["--seed"]; events < options["--events"]; ++seed, ++simulations) {
    trireme::launcher::dask::simulation::Simulation simulation(seed);
    simulation.run(options["--events-each"]);
    events += simulation.events();
    if (simulation.failure()) {
      std::cerr << *simulation.failure();
      return 1;
    }
    if (simulations % 100 == 0) std::cout << events << " events; " << simulation.summary() << std::endl;
  }
  std::cout << events << " events in " << simulations << " simulations from seed " << options["--seed"]
            << ": no invariant was broken\n";
  return 0;
}
