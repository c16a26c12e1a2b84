#include "gpu.h"
#include "trireme/base/error.h"

namespace trireme::bench {

int serve_gpu(const RankOptions&, const RankEnvironment&) {
  throw ConfigError("this build has no NCCL: configure with TRIREME_WITH_CUDA=ON and TRIREME_WITH_NCCL=ON");
}

}  // namespace trireme::bench
