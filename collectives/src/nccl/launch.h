#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "call_log.h"
#include "nccl_handles.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// An operation that NCCL was given: two points in the stream between which it runs. Shared by its task and the watch,
// which guards what changes.
struct Launch {
  Launch(const std::shared_ptr<CudaEvents>& events, const Call& of, Timeout patience)
      : call(of), timeout(patience), begin(events), end(events) {}

  const Call call;
  const Timeout timeout;
  CudaEvent begin;
  CudaEvent end;
  bool has_ended = false;
  std::optional<std::chrono::steady_clock::time_point> running_since;  // as far as somebody looked
};

}  // namespace trireme::collectives
