#include "context/stop_signal.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "support/temporary_folder.h"
#include "trireme/collectives/flight_record.h"
#include "trireme/collectives/single.h"

namespace trireme {
namespace {

TEST(StopSignal, SigtermSetsTheFlagAndWritesTheFlightRecord) {
  const test::TemporaryFolder folder;
  collectives::set_flight_record_options({.folder = folder.path().string()});
  const auto communicator = collectives::make_single();
  {
    const StopSignal signals;
    EXPECT_FALSE(StopSignal::arrived());
    std::raise(SIGTERM);
    EXPECT_TRUE(StopSignal::arrived());
  }
  EXPECT_TRUE(std::filesystem::exists(collectives::flight_record_path()));
  collectives::set_flight_record_options({});
}

TEST(StopSignal, SigintSetsTheFlagAlone) {
  const test::TemporaryFolder folder;
  collectives::set_flight_record_options({.folder = folder.path().string()});
  const auto communicator = collectives::make_single();
  const StopSignal signals;
  std::raise(SIGINT);
  EXPECT_TRUE(StopSignal::arrived());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  collectives::set_flight_record_options({});
}

}  // namespace
}  // namespace trireme
