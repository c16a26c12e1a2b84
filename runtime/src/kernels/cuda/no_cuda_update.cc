// In place of cuda_update.cu where there is no CUDA toolkit.
#include "kernels/cuda/cuda_update.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

[[noreturn]] void refuse() {
  throw ConfigError(
      "Parameters lie in GPU memory, but this build of Trireme has no CUDA kernels. Install the CUDA toolkit, "
      "configure "
      "with -DTRIREME_WITH_CUDA=ON and build again.");
}

}  // namespace

void cuda_update(std::span<const SegmentUpdate<SgdStep>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<MomentumStep>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<AdamStep>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<LionStep>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<LambMoments>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<LambStep>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<MuonMomentum>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<DirectionStep>>, void*) { refuse(); }
void cuda_update(std::span<const SegmentUpdate<AverageStep>>, void*) { refuse(); }

}  // namespace trireme
