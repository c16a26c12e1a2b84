#include "footprint.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "world.h"

namespace trireme::bench {
namespace {

// Bytes of this process, what it shares with others in equal parts.
std::int64_t proportional_set_size() {
  std::ifstream words("/proc/self/smaps_rollup");
  for (std::string word; words >> word;) {
    std::int64_t kib = 0;
    if (word == "Pss:" && words >> kib) return kib * 1024;
  }
  throw ConfigError("/proc/self/smaps_rollup tells no Pss");
}

}  // namespace

std::string measure_footprint(const std::string& backend, const RankEnvironment& environment, std::int64_t bytes) {
  const std::int64_t before = proportional_set_size();
  const World world = open_world(backend, environment);
  collectives::Communicator& communicator = *world.communicator;
  const collectives::MemoryPtr memory = communicator.allocate(static_cast<std::size_t>(bytes));
  std::memset(memory->data(), 0, memory->bytes());
  const auto count = static_cast<std::int64_t>(bytes / sizeof(float));
  communicator.all_reduce(collectives::view(static_cast<float*>(memory->data()), count))->wait();
  communicator.barrier();  // all have touched all that they will
  std::int64_t grown = proportional_set_size() - before;
  communicator.barrier();  // nobody unmaps before all have counted
  communicator.all_reduce(collectives::view(&grown, 1))->wait();
  if (communicator.rank() != 0) return {};
  return nlohmann::json{
      {"ranks", communicator.size()}, {"bytes", bytes}, {"extra_bytes", grown - communicator.size() * bytes}}
      .dump();
}

}  // namespace trireme::bench
