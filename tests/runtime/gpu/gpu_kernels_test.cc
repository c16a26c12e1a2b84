#include <gtest/gtest.h>
#include <torch/torch.h>

#include "collectives/nccl/gpu_ranks.h"
#include "kernels/cuda/cuda_update.h"
#include "kernels/update_kernels.h"

// The optimizers' kernels on a GPU against those of the CPU.
namespace trireme::test {
namespace {

using collectives::test::GpuRank;
using collectives::test::run_gpu_ranks;

struct Arrays {
  at::Tensor values, gradients, first, second;

  [[nodiscard]] Arrays to(c10::Device device) const {
    return {values.to(device, false, true), gradients.to(device, false, true), first.to(device, false, true),
            second.to(device, false, true)};
  }
  [[nodiscard]] UpdateSegment segment() const {
    const auto type = gradients.scalar_type();
    return {.values = values.mutable_data_ptr<float>(),
            .gradients = gradients.const_data_ptr(),
            .first = first.mutable_data_ptr<float>(),
            .second = second.mutable_data_ptr<float>(),
            .elements = values.numel(),
            .type = type == at::kFloat      ? GradientType::kFloat
                    : type == at::kBFloat16 ? GradientType::kBf16
                                            : GradientType::kHalf};
  }
};

Arrays random_arrays(std::int64_t elements, at::ScalarType gradient_type) {
  return {at::randn({elements}), at::randn({elements}).to(gradient_type), at::randn({elements}), at::rand({elements})};
}

template <typename Step>
void expect_the_cpus_bits(const Step& step) {
  at::manual_seed(1);
  std::vector<Arrays> on_cpu;
  std::vector<Arrays> on_gpu;
  std::vector<SegmentUpdate<Step>> updates;
  // More segments than one launch takes, some without elements.
  for (std::int64_t i = 0; i < 70; ++i) {
    const auto type = i % 3 == 0 ? at::kFloat : i % 3 == 1 ? at::kBFloat16 : at::kHalf;
    on_cpu.push_back(random_arrays(i % 10 == 9 ? 0 : i * 977, type));
    on_gpu.push_back(on_cpu.back().to(c10::kCUDA));
    updates.push_back({on_gpu.back().segment(), step});
  }
  cuda_update(std::span<const SegmentUpdate<Step>>(updates), nullptr);
  for (std::size_t i = 0; i < on_cpu.size(); ++i) {
    update_elements(on_cpu[i].segment(), step);
    EXPECT_TRUE(at::equal(on_gpu[i].values.cpu(), on_cpu[i].values)) << "values of segment " << i;
    EXPECT_TRUE(at::equal(on_gpu[i].first.cpu(), on_cpu[i].first)) << "state of segment " << i;
    EXPECT_TRUE(at::equal(on_gpu[i].second.cpu(), on_cpu[i].second)) << "state of segment " << i;
  }
}

TEST(GpuKernels, HaveTheBitsOfTheCpus) {
  run_gpu_ranks(1, [](const GpuRank&) {
    expect_the_cpus_bits(SgdStep{.gradient_scale = 0.5F, .l2 = 0.01F});
    expect_the_cpus_bits(MomentumStep{.gradient_scale = 0.5F, .fresh = 1, .kept = 0.9F});
    expect_the_cpus_bits(AdamStep{.gradient_scale = 0.5F, .keep = 0.99F, .root_scale = 3});
    expect_the_cpus_bits(LionStep{.gradient_scale = 0.5F, .keep = 0.99F});
    expect_the_cpus_bits(LambMoments{.gradient_scale = 0.5F});
    expect_the_cpus_bits(LambStep{});
    expect_the_cpus_bits(MuonMomentum{.gradient_scale = 0.5F});
    expect_the_cpus_bits(DirectionStep{.keep = 0.99F});
    expect_the_cpus_bits(AverageStep{});
  });
}

}  // namespace
}  // namespace trireme::test
