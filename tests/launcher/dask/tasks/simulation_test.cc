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

// Sanitizers take sixty times as long, and see as much in every tenth.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kStep = 10;
#else
constexpr std::uint64_t kStep = 1;
#endif

// In a cluster where nothing else goes wrong: after every event, each of two workers.
TEST(DaskTaskSimulation, SurvivesTheDeathOfAWorkerAfterEveryEvent) {
  constexpr std::uint64_t kCalmSeed = 3;
  constexpr std::uint64_t kEvents = 150;
  for (std::uint64_t death = 1; death <= kEvents; death += kStep) {
    for (std::size_t worker = 0; worker < 2; ++worker) {
      Simulation simulation(kCalmSeed);
      simulation.run_with_death(kEvents, death, worker);
      ASSERT_FALSE(simulation.failure().has_value())
          << "death of worker " << worker << " after event " << death << ": " << *simulation.failure();
    }
  }
}

}  // namespace
}  // namespace trireme::launcher::dask::simulation
