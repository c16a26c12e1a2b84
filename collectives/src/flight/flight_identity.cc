#include "flight_identity.h"

#include <unistd.h>

#include <array>

#include "json_fragment.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/rank_environment.h"

namespace trireme::collectives {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::unique_ptr<const FlightIdentity> make_identity(const FlightRecordOptions& options, const std::string& run_id) {
  auto identity = std::make_unique<FlightIdentity>();
  identity->json =
      message(R"("rank":{},"world_size":{},"node":{},"host":{},"run_id":{})", options.rank,
              options.world_size > 0 ? std::to_string(options.world_size) : "null", json_text(options.node),
              json_text(host_name()), run_id.empty() ? "null" : json_text(run_id));
  if (!options.folder.empty()) identity->file = message("{}/flight-rank{}.json", options.folder, options.rank);
  identity->rank = options.rank;
  identity->pid = ::getpid();
  return identity;
}

std::string folder_from(const EnvironmentLookup& lookup) {
  if (const auto folder = lookup("TRIREME_FLIGHT_DIR"); folder && !folder->empty()) return *folder;
  const auto run = lookup("TRIREME_RUN_DIR");
  return run && !run->empty() ? *run + "/flight" : "";
}

}  // namespace

// A contradictory environment is the business of whoever joins the world; the record makes do with what it knows.
std::unique_ptr<const FlightIdentity> identity_from_environment(int rank) {
  const auto lookup = process_environment();
  FlightRecordOptions options{.folder = folder_from(lookup), .rank = rank};
  std::string run_id;
  try {
    const auto environment = read_rank_environment(lookup);
    if (environment.launched_by != LaunchedBy::kNothing) {
      options.rank = environment.rank;
      options.world_size = environment.world_size;
    }
    options.node = environment.node;
    run_id = environment.run_id.value_or("");
  } catch (const ConfigError&) {
    options.node = host_name();
  }
  return make_identity(options, run_id);
}

std::unique_ptr<const FlightIdentity> identity_from(const FlightRecordOptions& options) {
  return make_identity(options, process_environment()("TRIREME_RUN_ID").value_or(""));
}

}  // namespace trireme::collectives
