#include "kernels/cuda/cuda_update.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kBlockElements = 8 * kThreads;
constexpr int kSegments = 32;  // a launch; their descriptions lie in the kernel's arguments, at most 4 KiB

template <typename Step>
struct Launch {
  SegmentUpdate<Step> updates[kSegments];
  std::int64_t first_block[kSegments + 1];  // of each segment; then the number of blocks
  int count = 0;
};

__device__ float load_gradient(const UpdateSegment& segment, std::int64_t i) {
  switch (segment.type) {
    case GradientType::kBf16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(segment.gradients)[i]);
    case GradientType::kHalf:
      return __half2float(static_cast<const __half*>(segment.gradients)[i]);
    default:
      return static_cast<const float*>(segment.gradients)[i];
  }
}

template <typename Step>
__device__ void update_element(const SegmentUpdate<Step>& update, std::int64_t i) {
  const auto& segment = update.segment;
  float gradient = 0;
  float value = 0;
  float first = 0;
  float second = 0;
  if constexpr (Step::kReadsGradient) gradient = load_gradient(segment, i);
  if constexpr (Step::kWritesValue) value = segment.values[i];
  if constexpr (Step::kStates > 0) first = segment.first[i];
  if constexpr (Step::kStates > 1) second = segment.second[i];
  update.step.apply(gradient, value, first, second);
  if constexpr (Step::kWritesValue) segment.values[i] = value;
  if constexpr (Step::kStates > 0) segment.first[i] = first;
  if constexpr (Step::kStates > 1) segment.second[i] = second;
}

// A block works on kBlockElements of one segment, which it finds by its number.
template <typename Step>
__global__ void update_kernel(const __grid_constant__ Launch<Step> launch) {
  const std::int64_t block = blockIdx.x;
  int k = 0;
  while (k + 1 < launch.count && launch.first_block[k + 1] <= block) ++k;
  const auto& update = launch.updates[k];
  const auto begin = (block - launch.first_block[k]) * kBlockElements;
  const auto rest = update.segment.elements - begin;
  const auto end = begin + (rest < kBlockElements ? rest : kBlockElements);
  for (auto i = begin + threadIdx.x; i < end; i += kThreads) update_element(update, i);
}

template <typename Step>
void launch_all(std::span<const SegmentUpdate<Step>> segments, void* stream) {
  static_assert(sizeof(Launch<Step>) <= 4096);
  while (!segments.empty()) {
    Launch<Step> launch;
    launch.count = static_cast<int>(std::min<std::size_t>(segments.size(), kSegments));
    launch.first_block[0] = 0;
    for (int k = 0; k < launch.count; ++k) {
      launch.updates[k] = segments[static_cast<std::size_t>(k)];
      const auto blocks = (launch.updates[k].segment.elements + kBlockElements - 1) / kBlockElements;
      launch.first_block[k + 1] = launch.first_block[k] + blocks;
    }
    segments = segments.subspan(static_cast<std::size_t>(launch.count));
    const auto blocks = static_cast<unsigned>(launch.first_block[launch.count]);
    if (blocks == 0) continue;
    update_kernel<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(launch);
    const auto status = cudaGetLastError();
    if (status != cudaSuccess) throw Error(message("CUDA refused an update kernel: {}.", cudaGetErrorString(status)));
  }
}

}  // namespace

void cuda_update(std::span<const SegmentUpdate<SgdStep>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<MomentumStep>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<AdamStep>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<LionStep>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<LambMoments>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<LambStep>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<MuonMomentum>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<DirectionStep>> segments, void* stream) { launch_all(segments, stream); }
void cuda_update(std::span<const SegmentUpdate<AverageStep>> segments, void* stream) { launch_all(segments, stream); }

}  // namespace trireme
