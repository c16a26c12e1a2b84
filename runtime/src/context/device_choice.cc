#include "context/device_choice.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

bool moves_gpu_memory(const std::string& backend) { return backend == "auto" || backend == "nccl"; }

// Empty when this rank can have a GPU of its own.
std::string obstacle(const RankEnvironment& environment, const DeviceRequest& request) {
  if (request.gpus == 0) return "LibTorch sees no GPU (driver, CUDA_VISIBLE_DEVICES, or a LibTorch without CUDA)";
  if (!request.build_has_nccl) return "this build of Trireme has no NCCL (configure with -DTRIREME_WITH_NCCL=ON)";
  if (!moves_gpu_memory(request.backend)) {
    return message("backend {} moves host memory only; unset TRIREME_BACKEND, or use nccl", request.backend);
  }
  const bool has_own = request.gpus_are_ours && request.gpus == 1;
  if (!has_own && environment.local_world_size > request.gpus) {
    return message("{} ranks on this node share {} GPUs; start one rank a GPU", environment.local_world_size,
                   request.gpus);
  }
  return "";
}

}  // namespace

std::optional<int> choose_gpu(const RankEnvironment& environment, const DeviceRequest& request) {
  if (request.wish == DeviceWish::kCpu) return std::nullopt;
  const auto why_not = obstacle(environment, request);
  if (why_not.empty()) return request.gpus == 1 ? 0 : environment.local_rank;
  if (request.wish == DeviceWish::kAuto) return std::nullopt;
  throw ConfigError(message("Rank {} was asked to compute on a GPU, but {}.", environment.rank, why_not));
}

DeviceWish device_wish(const EnvironmentLookup& lookup) {
  const auto word = lookup("TRIREME_DEVICE").value_or("auto");
  if (word.empty() || word == "auto") return DeviceWish::kAuto;
  if (word == "cpu") return DeviceWish::kCpu;
  if (word == "gpu") return DeviceWish::kGpu;
  throw ConfigError(message("TRIREME_DEVICE is \"{}\"; it can be auto, cpu or gpu.", word));
}

}  // namespace trireme
