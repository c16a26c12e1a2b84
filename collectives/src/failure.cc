#include "failure.h"

#include "trireme/base/error.h"

namespace trireme::collectives {

const char* to_string(FailureKind kind) noexcept {
  switch (kind) {
    case FailureKind::kTimeout:
      return "timeout";
    case FailureKind::kPeerLost:
      return "peer_lost";
    case FailureKind::kMismatch:
      return "mismatch";
    case FailureKind::kCommunication:
      break;
  }
  return "communication";
}

void throw_failure(const Failure& failure) {
  switch (failure.kind) {
    case FailureKind::kTimeout:
      throw TimeoutError(failure.text);
    case FailureKind::kPeerLost:
      throw PeerLostError(failure.lost_rank, failure.text);
    case FailureKind::kMismatch:
      throw MismatchError(failure.text);
    case FailureKind::kCommunication:
      break;
  }
  throw CommError(failure.text);
}

Failure failure_of(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const TimeoutError& timeout) {
    return {FailureKind::kTimeout, -1, timeout.what()};
  } catch (const PeerLostError& lost) {
    return {FailureKind::kPeerLost, lost.rank(), lost.what()};
  } catch (const MismatchError& mismatch) {
    return {FailureKind::kMismatch, -1, mismatch.what()};
  } catch (const std::exception& other) {
    return {FailureKind::kCommunication, -1, other.what()};
  } catch (...) {
    return {FailureKind::kCommunication, -1, "an exception that is no std::exception"};
  }
}

void AbortFlag::raise(std::string_view reason) {
  int clear = kClear;
  if (!state_.compare_exchange_strong(clear, kClaimed, std::memory_order_acq_rel)) return;
  reason_ = reason;
  state_.store(kRaised, std::memory_order_release);
}

void AbortFlag::check() const {
  if (is_raised()) throw CommError(reason_);
}

}  // namespace trireme::collectives
