#include "scheduler/status_cache.h"

#include "scheduler/convert.h"

namespace trireme::launcher {

std::shared_ptr<const v1::ClusterStatus> StatusCache::get() {
  const std::uint64_t revision = scheduler_.revision();
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (!status_ || status_->revision() < revision || now - made_ > kMostAge) {
    status_ = std::make_shared<const v1::ClusterStatus>(to_proto(scheduler_.snapshot()));
    made_ = now;
  }
  return status_;
}

}  // namespace trireme::launcher
