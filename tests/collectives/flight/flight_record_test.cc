#include "trireme/collectives/flight_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "flight_reader.h"
#include "support/temporary_folder.h"
#include "support/thread_ranks.h"
#include "trireme/base/error.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

// What a record holds, in a world of one and with ranks as threads.
namespace trireme::collectives::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using trireme::test::run_thread_ranks;
using trireme::test::TemporaryFolder;
using trireme::test::ThreadRank;

constexpr Timeout kPatience = std::chrono::seconds(30);
constexpr Timeout kShort = std::chrono::milliseconds(200);

json record_of(const TemporaryFolder& folder) {
  const auto file = folder / "record.json";
  write_flight_record(file.string());
  return read_flight_record(file);
}

// The communicator of that name and rank.
json find(const json& record, const std::string& name, int rank = 0) {
  for (const auto& communicator : record.at("communicators")) {
    if (communicator.at("name") == name && communicator.at("rank") == rank) return communicator;
  }
  ADD_FAILURE() << "no communicator " << name << " of rank " << rank << " in " << record;
  return {};
}

TEST(FlightRecord, ShowsWhatWasCalledInOrderWithItsTimes) {
  const TemporaryFolder folder;
  const auto c = make_single();
  std::vector<float> values(100);
  std::int32_t message_value = 1;
  c->all_reduce(view(values.data(), 100), {.op = ReduceOp::kMax})->wait();
  c->broadcast(view(values.data(), 7), 0)->wait();
  c->barrier();
  c->send(view(&message_value, 1), 0, 5)->wait();
  const auto record = record_of(folder);
  EXPECT_EQ(record.at("format"), "trireme-flight-record");
  EXPECT_EQ(record.at("version"), 1);
  EXPECT_EQ(record.at("reason"), "asked");
  EXPECT_EQ(record.at("pid"), ::getpid());
  const auto world = find(record, "world");
  EXPECT_EQ(world.at("backend"), "single");
  EXPECT_EQ(world.at("size"), 1);
  EXPECT_EQ(world.at("posted"), 4);
  EXPECT_EQ(world.at("closed"), false);
  EXPECT_EQ(world.at("failure"), nullptr);
  const auto& operations = world.at("operations");
  ASSERT_EQ(operations.size(), 4U);
  EXPECT_EQ(operations[0].at("kind"), "all_reduce");
  EXPECT_EQ(operations[0].at("sequence"), 1);
  EXPECT_EQ(operations[0].at("count"), 100);
  EXPECT_EQ(operations[0].at("dtype"), "float32");
  EXPECT_EQ(operations[0].at("op"), "max");
  EXPECT_EQ(operations[0].at("root"), nullptr);
  EXPECT_EQ(operations[0].at("bytes"), 400);
  EXPECT_EQ(operations[1].at("root"), 0);
  EXPECT_EQ(operations[1].at("op"), nullptr);
  EXPECT_EQ(operations[3].at("kind"), "send");
  EXPECT_EQ(operations[3].at("peer"), 0);
  EXPECT_EQ(operations[3].at("tag"), 5);
  std::int64_t last = 0;
  for (const auto& operation : operations) {
    EXPECT_EQ(operation.at("state"), "finished");
    EXPECT_LE(last, operation.at("posted"));
    EXPECT_LE(operation.at("posted"), operation.at("started"));
    EXPECT_LE(operation.at("started"), operation.at("finished"));
    last = operation.at("finished");
  }
  EXPECT_LE(last, record.at("clock").at("monotonic_ns"));
}

// The times are those of CLOCK_MONOTONIC, whatever clock took them.
TEST(FlightRecord, TimesLieBetweenReadingsOfTheMonotonicClock) {
  const TemporaryFolder folder;
  const auto now = [] { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); };
  const auto c = make_single();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // so that a wrong rate would show
  const auto before = now();
  c->barrier();
  const auto after = now();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto operation = find(record_of(folder), "world").at("operations").at(0);
  EXPECT_GE(operation.at("posted"), before - 20'000);
  EXPECT_LE(operation.at("finished"), after + 20'000);
}

TEST(FlightRecord, KeepsTheLastThousandOperations) {
  const TemporaryFolder folder;
  const auto c = make_single();
  for (int i = 0; i < 2345; ++i) c->barrier();
  const auto world = find(record_of(folder), "world");
  EXPECT_EQ(world.at("posted"), 2345);
  ASSERT_EQ(world.at("operations").size(), 1000U);
  EXPECT_EQ(world.at("operations").front().at("number"), 1346);
  EXPECT_EQ(world.at("operations").back().at("number"), 2345);
}

TEST(FlightRecord, MoreThanAThousandOperationsInFlightDoNotMix) {
  const TemporaryFolder folder;
  const auto c = make_single();
  std::vector<std::uint8_t> values(1500);
  std::vector<WorkPtr> receives;
  for (auto& value : values) receives.push_back(c->receive(view(&value, 1), 0, 0));
  auto operations = find(record_of(folder), "world").at("operations");
  ASSERT_EQ(operations.size(), 1000U);
  for (const auto& operation : operations) {
    EXPECT_EQ(operation.at("state"), "posted");
    EXPECT_EQ(operation.at("started"), nullptr);
  }
  for (auto& value : values) c->send(view(&value, 1), 0, 0)->wait();
  for (auto& receive : receives) receive->wait();
  operations = find(record_of(folder), "world").at("operations");
  for (const auto& operation : operations) EXPECT_EQ(operation.at("kind"), "send");
}

TEST(FlightRecord, ASubgroupHasItsOwnRecordWithItsMembers) {
  const TemporaryFolder folder;
  run_thread_ranks(4, [&](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 4, .name = "four"});
    const auto half = c->split(rank.rank / 2, -rank.rank);
    const auto quarter = half->split(half->rank(), 0);
    half->barrier();
    c->barrier();
    if (rank.rank == 3) {
      const auto record = record_of(folder);
      EXPECT_THAT(find(record, "four/split0.1", 0).at("members").get<std::vector<int>>(), ElementsAre(3, 2));
      EXPECT_THAT(find(record, "four/split0.1/split0.0", 0).at("members").get<std::vector<int>>(), ElementsAre(3));
      EXPECT_FALSE(find(record, "four", 3).contains("members"));
    }
    c->barrier();
  });
}

TEST(FlightRecord, ATimeoutIsWrittenWithWhoIsMissingAndWhereEveryoneStands) {
  const TemporaryFolder folder;
  set_flight_record_options({.folder = (folder / "deep/flight").string(), .rank = 5, .world_size = 8, .node = "n1"});
  run_thread_ranks(2, [&](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2, .name = "pair"});
    c->barrier();
    float value = 0;
    if (rank.rank == 1) {
      EXPECT_THROW(c->receive(view(&value, 1), 0, 0, {.timeout = kPatience})->wait(), TimeoutError);
    } else {
      EXPECT_THROW(c->all_reduce(view(&value, 1), {.timeout = kShort})->wait(), TimeoutError);
    }
  });
  EXPECT_EQ(flight_record_path(), (folder / "deep/flight/flight-rank5.json").string());
  const auto record = read_flight_record(flight_record_path());
  set_flight_record_options({});
  EXPECT_EQ(record.at("rank"), 5);
  EXPECT_EQ(record.at("world_size"), 8);
  EXPECT_EQ(record.at("node"), "n1");
  EXPECT_EQ(record.at("reason"), "timeout");
  const auto pair = find(record, "pair", 0);
  EXPECT_EQ(pair.at("failure").at("kind"), "timeout");
  EXPECT_THAT(pair.at("failure").at("text").get<std::string>(), HasSubstr("missing rank 1"));
  EXPECT_EQ(pair.at("failure").at("missing"), json({1}));
  EXPECT_THAT(pair.at("failure").at("standings").at(1).get<std::string>(), HasSubstr("barrier #1"));
  EXPECT_EQ(pair.at("operations").back().at("state"), "failed");
  EXPECT_EQ(pair.at("operations").back().at("sequence"), 2);
}

TEST(FlightRecord, AMismatchIsWritten) {
  const TemporaryFolder folder;
  set_flight_record_options({.folder = folder.path().string()});
  run_thread_ranks(2, [&](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2, .name = "disagreeing"});
    std::vector<float> values(2);
    EXPECT_THROW(c->all_reduce(view(values.data(), 1 + rank.rank), {.timeout = kPatience})->wait(), MismatchError);
  });
  const auto record = read_flight_record(flight_record_path());
  set_flight_record_options({});
  EXPECT_EQ(record.at("reason"), "mismatch");
  EXPECT_EQ(find(record, "disagreeing", 1).at("failure").at("kind"), "mismatch");
}

TEST(FlightRecord, AnAbortIsWrittenAlsoWhenNobodyWaits) {
  const TemporaryFolder folder;
  set_flight_record_options({.folder = folder.path().string()});
  const auto c = make_single();
  c->barrier();
  c->abort("the \"disk\" is\nfull \xff\xc3\xa9");
  const auto record = read_flight_record(flight_record_path());
  set_flight_record_options({});
  EXPECT_EQ(record.at("reason"), "abort");
  EXPECT_EQ(find(record, "world").at("failure").at("text"), "rank 0/1 aborted: the \"disk\" is\nfull ?\xc3\xa9");
}

TEST(FlightRecord, AFailedCommunicatorIsStillShownWhenItIsGone) {
  const TemporaryFolder folder;
  run_thread_ranks(1, [&](const ThreadRank& rank) {
    for (int i = 0; i < 6; ++i) {
      const auto c = make_shm(rank.store, {.name = "gone" + std::to_string(i)});
      c->barrier();
      c->abort("enough");
      EXPECT_THROW(c->receive(Buffer{.data = &i, .count = 1}, 0, 0)->wait(), CommError);
    }
    const auto alive = make_shm(rank.store, {.name = "finished in peace"});
  });
  const auto record = record_of(folder);
  std::vector<std::string> names;
  for (const auto& communicator : record.at("communicators")) {
    EXPECT_EQ(communicator.at("closed"), true);
    names.push_back(communicator.at("name"));
  }
  EXPECT_THAT(names, ElementsAre("gone5", "gone4", "gone3", "gone2"));
}

TEST(FlightRecord, AnUnwritableFolderNamesTheFileAndHarmsNothing) {
  const TemporaryFolder folder;
  const auto file = folder.write("file", "not a folder");
  const auto path = (file / "record.json").string();
  try {
    write_flight_record(path);
    ADD_FAILURE() << "wrote " << path;
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr(path));
  }
  EXPECT_THROW(write_flight_record(std::string(5000, 'x')), DataError);
  EXPECT_THROW(write_flight_record((folder / "a.json").string(), "two words"), ConfigError);
  set_flight_record_options({.folder = file.string()});
  const auto c = make_single();
  c->abort("enough");
  set_flight_record_options({});
  EXPECT_TRUE(std::filesystem::is_regular_file(file));
}

TEST(FlightRecord, LeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  const auto c = make_single();
  write_flight_record((folder / "a.json").string());
  std::filesystem::create_directory(folder / "b.json");
  EXPECT_THROW(write_flight_record((folder / "b.json").string()), DataError);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("a.json", "b.json"));
}

// For the thread sanitizer: a record is written while ranks communicate, and while communicators come and go.
TEST(FlightRecord, CanBeWrittenWhileOthersCommunicate) {
  const TemporaryFolder folder;
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) (void)record_of(folder);
  });
  run_thread_ranks(3, [](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 3, .name = "busy"});
    for (int i = 0; i < 200; ++i) {
      std::vector<float> values(10);
      const auto work = c->all_reduce(view(values.data(), 10));
      if (i % 20 == 0) c->split(0, 0)->barrier();
      work->wait();
    }
  });
}

}  // namespace
}  // namespace trireme::collectives::test
