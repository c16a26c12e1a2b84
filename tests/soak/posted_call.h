#pragma once

#include <exception>
#include <vector>

#include "memory.h"
#include "numbers.h"
#include "plan.h"

namespace trireme::soak {

// A call of the plan under way on one communicator: posted when made, checked when waited for.
class PostedCall {
 public:
  // `salt` tells apart groups that make the same call.
  PostedCall(collectives::Communicator& communicator, CallMemory& memory, const Call& call, std::uint64_t salt,
             std::chrono::milliseconds timeout);
  // Throws what the operation throws, and std::logic_error when a number is wrong.
  void wait();
  // Of what failed already; null otherwise.
  [[nodiscard]] std::exception_ptr error() const;

 private:
  [[nodiscard]] collectives::Buffer take(CallMemory& memory, std::int64_t blocks, bool has_it) const;
  void share_buffer();
  void post(collectives::Communicator& communicator, std::chrono::milliseconds timeout);

  Call call_;
  Party party_;
  collectives::Buffer input_ = {};
  collectives::Buffer output_ = {};
  std::vector<collectives::WorkPtr> works_;
};

}  // namespace trireme::soak
