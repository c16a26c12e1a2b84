#include "context/pulse.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/status_listener.h"
#include "support/temporary_folder.h"
#include "trireme/collectives/single.h"

namespace trireme::test {
namespace {

TEST(Pulse, FillsInWhoAndWhere) {
  const TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  const auto communicator = collectives::make_single();
  float value = 1;
  communicator->all_reduce(collectives::view(&value, 1))->wait();
  Pulse pulse(reporter, "r-0007", 3);
  pulse.report({.phase = "train", .step = 5, .total_steps = 9, .metrics = {{"loss", 2.5}}});
  agent.accept();
  StatusRecord record;
  while (record.step == 0) record = parse_status_record(agent.read_line());  // a pulse may be earlier
  EXPECT_EQ(record.run_id, "r-0007");
  EXPECT_EQ(record.rank, 3);
  EXPECT_GT(record.time, 1e9);
  EXPECT_EQ(record.metrics.at("loss"), 2.5);
  ASSERT_TRUE(record.collective);
  EXPECT_EQ(record.collective->op, "all_reduce");
  EXPECT_FALSE(record.collective->is_running);
}

TEST(Pulse, BeatsWhenTheProgramIsSilent) {
  const TemporaryFolder folder;
  StatusListener agent(folder / "agent.sock");
  StatusReporter reporter(folder / "agent.sock");
  Pulse pulse(reporter, "r-0007", 1);
  agent.accept();
  const auto first = parse_status_record(agent.read_line());
  EXPECT_EQ(first.phase, "init");
  EXPECT_TRUE(first.metrics.empty());
  pulse.report({.phase = "train", .step = 5, .metrics = {{"loss", 2.5}}});
  EXPECT_EQ(parse_status_record(agent.read_line()).metrics.size(), 1U);
  const auto later = parse_status_record(agent.read_line());  // the program says nothing more
  EXPECT_EQ(later.phase, "train");
  EXPECT_EQ(later.step, 5);
  EXPECT_TRUE(later.metrics.empty());
  EXPECT_GT(later.time, first.time);
}

}  // namespace
}  // namespace trireme::test
