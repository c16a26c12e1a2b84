#include "debug/flight_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "debug/diagnosis.h"
#include "support/temporary_folder.h"
#include "support/thread_ranks.h"
#include "trireme/base/error.h"
#include "trireme/collectives/flight_record.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

// What the library writes, the launcher reads; what is torn or changed on the way, it names.
namespace trireme::launcher {
namespace {

using collectives::view;
using testing::HasSubstr;
using trireme::test::TemporaryFolder;

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// A record with a few operations, as text.
std::string written_record(const TemporaryFolder& folder) {
  const auto c = collectives::make_single();
  std::vector<double> values(3);
  c->all_reduce(view(values.data(), 3), {.op = collectives::ReduceOp::kMin})->wait();
  c->send(view(values.data(), 2), 0, 9)->wait();
  collectives::write_flight_record((folder / "record.json").string());
  return read(folder / "record.json");
}

std::string error_of(const std::string& text) {
  try {
    (void)parse_flight_record(text, "some/flight-rank3.json");
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(FlightRecordReader, ReadsWhatTheLibraryWrites) {
  const TemporaryFolder folder;
  const auto record = parse_flight_record(written_record(folder), "file");
  ASSERT_EQ(record.communicators.size(), 1U);
  const auto& world = record.communicators[0];
  EXPECT_EQ(world.backend, "single");
  EXPECT_EQ(world.posted, 2U);
  ASSERT_EQ(world.operations.size(), 2U);
  EXPECT_EQ(describe(world.operations[0]), "all_reduce #1 of 3 float64, min");
  EXPECT_EQ(describe(world.operations[1]), "send #1 of 2 float64, peer 0, tag 9");
  EXPECT_TRUE(world.operations[0].is_finished());
  EXPECT_LE(world.operations[0].posted, record.written);
  EXPECT_GT(world.operations[0].posted, record.written - std::int64_t{60'000'000'000});
}

TEST(FlightRecordReader, DiagnosesWhatRanksReallyWrote) {
  const TemporaryFolder folder;
  trireme::test::run_thread_ranks(3, [](const trireme::test::ThreadRank& rank) {
    const auto c = collectives::make_shm(rank.store, {.rank = rank.rank, .size = 3, .name = "trio"});
    std::vector<float> values(2);
    c->barrier();
    EXPECT_THROW(c->all_reduce(view(values.data(), rank.rank == 1 ? 1 : 2))->wait(), MismatchError);
  });
  collectives::write_flight_record((folder / "flight-rank0.json").string());
  const auto diagnosis = diagnose(load_flight_records(folder.path()));
  ASSERT_EQ(diagnosis.divergences.size(), 1U);
  EXPECT_EQ(diagnosis.divergences[0].communicator, "trio");
  EXPECT_EQ(diagnosis.divergences[0].kind, DivergenceKind::kMismatch);
  EXPECT_EQ(diagnosis.divergences[0].sequence, 2U);
  EXPECT_EQ(diagnosis.divergences[0].sides.size(), 2U);
}

TEST(FlightRecordReader, ATornFileIsNamedWhereverItEnds) {
  const TemporaryFolder folder;
  const auto whole = written_record(folder);
  EXPECT_EQ(error_of(whole), "no error");
  for (std::size_t length = 0; length + 20 < whole.size(); ++length) {
    ASSERT_THAT(error_of(whole.substr(0, length)), HasSubstr("some/flight-rank3.json is no usable flight record"));
  }
}

TEST(FlightRecordReader, EveryChangedByteIsNoticed) {
  const TemporaryFolder folder;
  const auto whole = written_record(folder);
  for (std::size_t at = 0; at + 4 < whole.size(); ++at) {
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    ASSERT_THAT(error_of(changed), HasSubstr("some/flight-rank3.json")) << "byte " << at;
  }
}

TEST(FlightRecordReader, GarbageIsNamed) {
  EXPECT_THAT(error_of("garbage"), HasSubstr("it has no checksum at its end"));
  // The checksum of these bytes fits, but they are no record.
  EXPECT_THAT(error_of(R"({"checksum":"728565575f71c233"})"), HasSubstr("some/flight-rank3.json"));
}

TEST(FlightRecordReader, OfSeveralRunsTheNewestCounts) {
  const TemporaryFolder folder;
  ::setenv("TRIREME_RUN_ID", "r-old", 1);
  collectives::set_flight_record_options({.rank = 0});
  (void)written_record(folder);
  std::filesystem::rename(folder / "record.json", folder / "flight-rank0.json");
  ::setenv("TRIREME_RUN_ID", "r-new", 1);
  collectives::set_flight_record_options({.rank = 1});
  (void)written_record(folder);
  std::filesystem::rename(folder / "record.json", folder / "flight-rank1.json");
  ::unsetenv("TRIREME_RUN_ID");
  const auto records = load_flight_records(folder.path());
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].run_id, "r-new");
}

TEST(FlightRecordReader, TwoFilesOfOneRankAreRefused) {
  const TemporaryFolder folder;
  folder.write("flight-rank0.json", written_record(folder));
  folder.write("flight-rank00.json", read(folder / "flight-rank0.json"));
  EXPECT_THROW((void)load_flight_records(folder.path()), DataError);
}

TEST(FlightRecordReader, OtherFilesAreLeftAlone) {
  const TemporaryFolder folder;
  folder.write("flight-rank0.json.tmp-12-0", "half");
  folder.write("output.log", "words");
  EXPECT_TRUE(load_flight_records(folder.path()).empty());
}

}  // namespace
}  // namespace trireme::launcher
