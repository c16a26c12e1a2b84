#include "conformance_worlds.h"

#include <algorithm>

#include "support/process_ranks.h"
#include "support/thread_ranks.h"

namespace trireme::collectives::test {
namespace {

#ifdef TRIREME_FEW_WORLDS
constexpr int kThreads[] = {2, 3};
constexpr int kProcesses[] = {3};
#else
constexpr int kThreads[] = {1, 2, 3, 4, 6, 7};
constexpr int kProcesses[] = {2, 3, 4};
#endif

}  // namespace

World thread_world(const std::string& name, int ranks, const MakeRank& make) {
  const auto run = [=](const RankBody& body) {
    trireme::test::run_thread_ranks(
        ranks, [&](const trireme::test::ThreadRank& rank) { body(*make(rank.store, rank.rank, rank.size)); });
  };
  return {name, ranks, run};
}

World process_world(const std::string& name, int ranks, const MakeRank& make) {
  const auto run = [=](const RankBody& body) {
    trireme::test::ProcessRanks world({.size = ranks}, [&](const trireme::test::ProcessRank& rank) {
      const auto store = rank.connect();
      body(*make(*store, rank.rank(), rank.size()));
      return testing::Test::HasFailure() ? 1 : 0;
    });
    for (const auto& result : world.wait()) EXPECT_EQ(result.exit_code, 0) << result.report;
  };
  return {name, ranks, run};
}

std::vector<int> sizes_of_thread_worlds(int least) {
  return {std::ranges::lower_bound(kThreads, least), std::end(kThreads)};
}

std::vector<int> sizes_of_process_worlds() { return {std::begin(kProcesses), std::end(kProcesses)}; }

std::vector<World> thread_worlds(const std::string& backend, int least, const MakeRank& make) {
  std::vector<World> worlds;
  for (const int size : sizes_of_thread_worlds(least)) {
    worlds.push_back(thread_world(backend + "_threads_" + std::to_string(size), size, make));
  }
  return worlds;
}

std::vector<World> process_worlds(const std::string& backend, const MakeRank& make) {
  std::vector<World> worlds;
  for (const int size : sizes_of_process_worlds()) {
    worlds.push_back(process_world(backend + "_processes_" + std::to_string(size), size, make));
  }
  return worlds;
}

}  // namespace trireme::collectives::test
