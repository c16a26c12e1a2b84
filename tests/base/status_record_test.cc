#include "trireme/base/status_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "trireme/base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;

StatusRecord example() {
  StatusRecord record;
  record.run_id = "r-0001";
  record.rank = 2;
  record.time = 1763715600.25;
  record.phase = "train";
  record.step = 12;
  record.total_steps = 300;
  record.metrics = {{"loss", 1.91}, {"step_ms", 49.6}};
  record.collective = CollectiveStatus{.sequence = 96,
                                       .op = "all_reduce",
                                       .bytes = 4194304,
                                       .communicator = "world",
                                       .is_running = true,
                                       .seconds = 0.5};
  return record;
}

std::string error_of(std::string_view line) {
  try {
    static_cast<void>(parse_status_record(line));
  } catch (const DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(StatusRecord, WritesTheDocumentedLine) {
  EXPECT_EQ(to_json_line(example()),
            R"({"collective":{"bytes":4194304,"communicator":"world","op":"all_reduce","running":true,"seconds":0.5,)"
            R"("sequence":96},"metrics":{"loss":1.91,"step_ms":49.6},)"
            R"("phase":"train","rank":2,"run_id":"r-0001","step":12,"time":1763715600.25,"total_steps":300,)"
            R"("type":"status","v":1})");
}

TEST(StatusRecord, ComesBackAsItWent) {
  EXPECT_EQ(parse_status_record(to_json_line(example())), example());
  EXPECT_EQ(parse_status_record(to_json_line(StatusRecord{})), StatusRecord{});
}

TEST(StatusRecord, KeepsALineOnOneLine) {
  auto record = example();
  record.phase = "a\nb\"\\\x01";
  const auto line = to_json_line(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(parse_status_record(line), record);
}

TEST(StatusRecord, DropsMetricsThatAreNotFinite) {
  auto record = example();
  record.metrics = {{"loss", std::nan("")}, {"norm", std::numeric_limits<double>::infinity()}, {"lr", 0.5}};
  const auto line = to_json_line(record);
  EXPECT_THAT(line, HasSubstr(R"("loss":null)"));
  EXPECT_EQ(parse_status_record(line).metrics, (std::map<std::string, double>{{"lr", 0.5}}));
}

TEST(StatusRecord, WritesBytesThatAreNoUtf8) {
  auto record = example();
  record.phase =
      "tr\xff"
      "in";
  EXPECT_EQ(parse_status_record(to_json_line(record)).phase, "tr\xEF\xBF\xBDin");
}

TEST(StatusRecord, IgnoresUnknownKeysAndDefaultsAbsentOnes) {
  const auto record = parse_status_record(R"({"v":1,"type":"status","rank":3,"new_key":[1,{"a":2}]})");
  EXPECT_EQ(record.rank, 3);
  EXPECT_EQ(record.phase, "");
  EXPECT_EQ(record.collective, std::nullopt);
}

TEST(StatusRecord, RejectsAnotherVersion) {
  EXPECT_THAT(error_of(R"({"v":2,"type":"status"})"), HasSubstr("'v' is 2"));
  EXPECT_THAT(error_of(R"({"type":"status"})"), HasSubstr("'v' is 0"));
  EXPECT_THAT(error_of(R"({"v":1,"type":"snapshot"})"), HasSubstr("'type' is not 'status'"));
}

TEST(StatusRecord, NamesTheKeyOfAWrongValue) {
  const auto with = [](const std::string& field) { return error_of(R"({"v":1,"type":"status",)" + field + "}"); };
  EXPECT_THAT(with(R"("rank":"three")"), HasSubstr("'rank' is not a count"));
  EXPECT_THAT(with(R"("rank":-1)"), HasSubstr("'rank'"));
  EXPECT_THAT(with(R"("rank":1.5)"), HasSubstr("'rank'"));
  EXPECT_THAT(with(R"("rank":4294967296)"), HasSubstr("'rank'"));
  EXPECT_THAT(with(R"("step":18446744073709551615)"), HasSubstr("'step'"));
  EXPECT_THAT(with(R"("time":"now")"), HasSubstr("'time' is not a number"));
  EXPECT_THAT(with(R"("run_id":7)"), HasSubstr("'run_id' is not a text"));
  EXPECT_THAT(with(R"("metrics":[1])"), HasSubstr("'metrics' is not an object"));
  EXPECT_THAT(with(R"("metrics":{"loss":"low"})"), HasSubstr("'metrics.loss'"));
  EXPECT_THAT(with(R"("collective":5)"), HasSubstr("'collective'"));
  EXPECT_THAT(with(R"("collective":{"bytes":-4})"), HasSubstr("'bytes'"));
}

TEST(StatusRecord, RejectsWhatIsNoObject) {
  for (const auto* line : {"", "{", "[]", "null", "7", "\"v\"", "{\"v\":1", "{}{}", "\xff\xfe", "GET / HTTP/1.1"}) {
    EXPECT_THAT(error_of(line), HasSubstr("status record: ")) << line;
  }
}

TEST(StatusRecord, IsBoundedInLengthAndDepth) {
  EXPECT_THAT(error_of(std::string(65537, ' ')), HasSubstr("more than 65536"));
  const std::string deep = R"({"v":1,"type":"status","x":)" + std::string(30000, '[');
  EXPECT_THAT(error_of(deep), HasSubstr("nested deeper"));
}

}  // namespace
}  // namespace trireme
