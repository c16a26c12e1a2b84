#include "slurm_nodes.h"

#include <gtest/gtest.h>

namespace trireme::detail {
namespace {

TEST(FirstSlurmHost, TakesThePlainName) {
  EXPECT_EQ(first_slurm_host("login"), "login");
  EXPECT_EQ(first_slurm_host("a,b"), "a");
}

TEST(FirstSlurmHost, ExpandsTheFirstOfABracket) {
  EXPECT_EQ(first_slurm_host("gpu[07-09,12],login"), "gpu07");
  EXPECT_EQ(first_slurm_host("gpu[3]"), "gpu3");
  EXPECT_EQ(first_slurm_host("gpu[1,5]"), "gpu1");
}

TEST(FirstSlurmHost, RejectsTornLists) {
  EXPECT_EQ(first_slurm_host(""), std::nullopt);
  EXPECT_EQ(first_slurm_host(",a"), std::nullopt);
  EXPECT_EQ(first_slurm_host("gpu["), std::nullopt);
  EXPECT_EQ(first_slurm_host("gpu[]"), std::nullopt);
}

TEST(SlurmTasksOnNode, RepeatsGroups) {
  EXPECT_EQ(slurm_tasks_on_node("4(x2),3", 0), 4);
  EXPECT_EQ(slurm_tasks_on_node("4(x2),3", 1), 4);
  EXPECT_EQ(slurm_tasks_on_node("4(x2),3", 2), 3);
  EXPECT_EQ(slurm_tasks_on_node("4(x2),3", 3), std::nullopt);
}

TEST(SlurmTasksOnNode, RejectsTornText) {
  EXPECT_EQ(slurm_tasks_on_node("", 0), std::nullopt);
  EXPECT_EQ(slurm_tasks_on_node("4(x", 0), std::nullopt);
  EXPECT_EQ(slurm_tasks_on_node("x", 0), std::nullopt);
  EXPECT_EQ(slurm_tasks_on_node("4(x0),5", 0), 5);
  EXPECT_EQ(slurm_tasks_on_node("4;5", 1), std::nullopt);
}

}  // namespace
}  // namespace trireme::detail
