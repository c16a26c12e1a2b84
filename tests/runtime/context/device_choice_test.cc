#include "context/device_choice.h"

#include <gmock/gmock.h>

#include "support/thrown_text.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using test::text_thrown_by;
using testing::HasSubstr;

RankEnvironment node_of(int ranks, int local_rank) {
  RankEnvironment result;
  result.rank = result.local_rank = local_rank;
  result.world_size = result.local_world_size = ranks;
  return result;
}

TEST(DeviceChoice, EveryRankGetsAGpuOfItsOwn) {
  EXPECT_EQ(choose_gpu(node_of(4, 3), {.gpus = 8, .build_has_nccl = true}), 3);
  EXPECT_EQ(choose_gpu(node_of(4, 3), {.backend = "nccl", .gpus = 4, .build_has_nccl = true}), 3);
}

TEST(DeviceChoice, ARankThatIsShownOneGpuTakesIt) {
  const DeviceRequest shown{.gpus = 1, .gpus_are_ours = true, .build_has_nccl = true};
  EXPECT_EQ(choose_gpu(node_of(4, 3), shown), 0);
}

TEST(DeviceChoice, AutoFallsBackToTheCpu) {
  EXPECT_EQ(choose_gpu(node_of(2, 0), {.gpus = 0, .build_has_nccl = true}), std::nullopt);
  EXPECT_EQ(choose_gpu(node_of(2, 0), {.gpus = 2, .build_has_nccl = false}), std::nullopt);
  EXPECT_EQ(choose_gpu(node_of(4, 0), {.gpus = 2, .build_has_nccl = true}), std::nullopt);
  EXPECT_EQ(choose_gpu(node_of(2, 0), {.backend = "shm", .gpus = 2, .build_has_nccl = true}), std::nullopt);
}

TEST(DeviceChoice, TheCpuIsGivenToWhoAsksForIt) {
  EXPECT_EQ(choose_gpu(node_of(1, 0), {.wish = DeviceWish::kCpu, .gpus = 1, .build_has_nccl = true}), std::nullopt);
}

TEST(DeviceChoice, SaysWhyThereIsNoGpu) {
  const auto text = [](int ranks, DeviceRequest request) {
    request.wish = DeviceWish::kGpu;
    return text_thrown_by<ConfigError>([&] { static_cast<void>(choose_gpu(node_of(ranks, 0), request)); });
  };
  EXPECT_THAT(text(1, {.gpus = 0, .build_has_nccl = true}), HasSubstr("sees no GPU"));
  EXPECT_THAT(text(1, {.gpus = 1, .build_has_nccl = false}), HasSubstr("has no NCCL"));
  EXPECT_THAT(text(1, {.backend = "tcp", .gpus = 1, .build_has_nccl = true}), HasSubstr("backend tcp"));
  EXPECT_THAT(text(4, {.gpus = 2, .build_has_nccl = true}), HasSubstr("4 ranks on this node share 2 GPUs"));
}

TEST(DeviceChoice, TheEnvironmentSaysWhichInOneWord) {
  const auto wish = [](std::optional<std::string> word) {
    return device_wish([word](const std::string&) { return word; });
  };
  EXPECT_EQ(wish(std::nullopt), DeviceWish::kAuto);
  EXPECT_EQ(wish("cpu"), DeviceWish::kCpu);
  EXPECT_EQ(wish("gpu"), DeviceWish::kGpu);
  EXPECT_THAT(text_thrown_by<ConfigError>([&] { static_cast<void>(wish("cuda:0")); }), HasSubstr("auto, cpu or gpu"));
}

}  // namespace
}  // namespace trireme
