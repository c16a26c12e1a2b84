#include "launcher/dask/tasks/simulation.h"

#include <iostream>

#include <gtest/gtest.h>

namespace trireme::launcher::dask::simulation {
namespace {

// A sample; `scripts/soak dask` runs the campaign.
TEST(DaskTaskSimulation, KeepsInvariantsAndLosesNothingWhateverWorkersDo) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Simulation simulation(seed);
    simulation.run(800);
    std::cout << simulation.summary() << '\n';
    ASSERT_FALSE(simulation.failure().has_value()) << *simulation.failure();
  }
}

}  // namespace
}  // namespace trireme::launcher::dask::simulation
