#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/time.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>

#include "flight_reader.h"
#include "support/process_ranks.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"
#include "trireme/collectives/flight_record.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

// Records of processes that are ended, and records written in the middle of anything.
namespace trireme::collectives::test {
namespace {

using std::chrono::seconds;
using trireme::test::ProcessRank;
using trireme::test::ProcessRanks;
using trireme::test::TemporaryFolder;

std::atomic<int> terms_seen{0};

std::filesystem::path record_of_rank(const TemporaryFolder& folder, int rank) {
  return folder / ("flight-rank" + std::to_string(rank) + ".json");
}

// Waits in a barrier that rank 0 never enters.
int wait_for_rank_0(const ProcessRank& rank, const TemporaryFolder& folder) {
  ::setenv("TRIREME_FLIGHT_DIR", folder.path().c_str(), 1);
  const auto store = rank.connect();
  const auto c = make_shm(*store, {.rank = rank.rank(), .size = rank.size()});
  const FlightRecordOnSigterm on_sigterm;
  c->barrier();
  rank.report("started");
  float value = 0;
  if (rank.rank() == 0) c->receive(view(&value, 1), 1, 0, {.timeout = seconds(60)})->wait();
  c->barrier({.timeout = seconds(60)});
  return 0;
}

TEST(FlightSignal, SigtermWritesTheRecordAndEndsTheProcess) {
  const TemporaryFolder folder;
  ProcessRanks world({.size = 2}, [&](const ProcessRank& rank) { return wait_for_rank_0(rank, folder); });
  for (int rank = 0; rank < 2; ++rank) ASSERT_TRUE(world.wait_for_report(rank, "started"));
  for (int rank = 0; rank < 2; ++rank) world.signal(rank, SIGTERM);
  const auto results = world.wait();
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(results[rank].signal, SIGTERM) << results[rank].report;
    const auto record = read_flight_record(record_of_rank(folder, rank));
    EXPECT_EQ(record.at("rank"), rank);
    EXPECT_EQ(record.at("communicators").at(0).at("rank"), rank);
  }
}

TEST(FlightSignal, ALostPeerIsWrittenByEverySurvivor) {
  const TemporaryFolder folder;
  ProcessRanks world({.size = 3}, [&](const ProcessRank& rank) { return wait_for_rank_0(rank, folder); });
  for (int rank = 0; rank < 3; ++rank) ASSERT_TRUE(world.wait_for_report(rank, "started"));
  world.signal(0, SIGKILL);
  (void)world.wait();
  for (int rank = 1; rank < 3; ++rank) {
    const auto record = read_flight_record(record_of_rank(folder, rank));
    EXPECT_EQ(record.at("reason"), "peer_lost");
    const auto& failure = record.at("communicators").at(0).at("failure");
    EXPECT_EQ(failure.at("kind"), "peer_lost");
    EXPECT_EQ(failure.at("lost_rank"), 0);
  }
  EXPECT_FALSE(std::filesystem::exists(record_of_rank(folder, 0)));
}

TEST(FlightSignal, TheHandlerThatWasThereBeforeIsCalledAndComesBack) {
  const TemporaryFolder folder;
  set_flight_record_options({.folder = folder.path().string()});
  const auto c = make_single();
  const auto count = [](int) { terms_seen.fetch_add(1); };
  const auto previous = std::signal(SIGTERM, count);
  {
    const FlightRecordOnSigterm on_sigterm;
    std::raise(SIGTERM);
    EXPECT_EQ(terms_seen.load(), 1);
    EXPECT_EQ(read_flight_record(flight_record_path()).at("reason"), "sigterm");
    std::filesystem::remove(flight_record_path());
  }
  std::raise(SIGTERM);
  EXPECT_EQ(terms_seen.load(), 2);
  EXPECT_FALSE(std::filesystem::exists(flight_record_path()));
  std::signal(SIGTERM, previous);
  set_flight_record_options({});
}

TEST(FlightSignal, WithoutAFolderOrACommunicatorNothingIsWritten) {
  const TemporaryFolder folder;
  ProcessRanks world({.size = 1}, [&](const ProcessRank&) {
    if (write_flight_record_on_signal(SIGTERM)) return 1;
    set_flight_record_options({.folder = folder.path().string()});
    if (write_flight_record_on_signal(SIGTERM)) return 2;
    const auto c = make_single();
    set_flight_record_options({});
    if (write_flight_record_on_signal(SIGTERM)) return 3;
    return 0;
  });
  EXPECT_EQ(world.wait().at(0).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

void write_in_handler(int signal) {
  if (write_flight_record_on_signal(signal)) terms_seen.fetch_add(1);
}

void interrupt_in(int microseconds) {
  const itimerval once{.it_interval = {.tv_sec = 0, .tv_usec = 0}, .it_value = {.tv_sec = 0, .tv_usec = microseconds}};
  ::setitimer(ITIMER_REAL, &once, nullptr);
}

// A timer interrupts the allocator, the list of communicators and a writer of the same record at any line; a handler
// that took a lock or allocated would hang, and the deadline would say so.
int communicate_under_signals(const TemporaryFolder& folder) {
  set_flight_record_options({.folder = folder.path().string()});
  std::signal(SIGALRM, write_in_handler);
  for (int round = 0; terms_seen.load() < 300; ++round) {
    interrupt_in(1 + round * 37 % 499);
    const auto c = make_single();
    const auto part = c->split(0, 0);
    for (int i = 0; i < 50; ++i) part->barrier();
    if (round % 10 == 0) c->abort("enough");
    if (round % 10 == 5) write_flight_record((folder / "asked.json").string());
    (void)read_flight_record(flight_record_path());
  }
  interrupt_in(0);
  return 0;
}

TEST(FlightSignal, AHandlerMayInterruptAnything) {
  const TemporaryFolder folder;
  folder.write("flight-rank0.json", "{\"checksum\":\"" + checksum_of("{\"checksum\":\"") + "\"}");
  ProcessRanks world({.size = 1}, [&](const ProcessRank&) { return communicate_under_signals(folder); });
  const auto result = world.wait().at(0);
  EXPECT_EQ(result.exit_code, 0) << result.report;
  EXPECT_FALSE(result.is_overdue);
}

}  // namespace
}  // namespace trireme::collectives::test
