#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

// Why a communicator died, as a value that can be told to other ranks.
namespace trireme::collectives {

enum class FailureKind : std::uint32_t { kCommunication, kTimeout, kPeerLost, kMismatch };
// "communication", "timeout", "peer_lost", "mismatch"
[[nodiscard]] const char* to_string(FailureKind kind) noexcept;

struct Failure {
  FailureKind kind = FailureKind::kCommunication;
  int lost_rank = -1;  // global rank, for kPeerLost
  std::string text;
};

// Throws the CommError, TimeoutError, PeerLostError or MismatchError that `failure` stands for.
[[noreturn]] void throw_failure(const Failure& failure);
// The reverse; any other exception is a kCommunication.
[[nodiscard]] Failure failure_of(const std::exception_ptr& error) noexcept;

// Raised by any thread, at most once; looked at by the thread that communicates.
class AbortFlag {
 public:
  void raise(std::string_view reason);
  [[nodiscard]] bool is_raised() const noexcept { return state_.load(std::memory_order_acquire) == kRaised; }
  // Throws CommError with the reason once raised.
  void check() const;

 private:
  enum State : int { kClear, kClaimed, kRaised };
  std::atomic<int> state_{kClear};
  std::string reason_;  // written by whoever claimed, read only after kRaised
};

}  // namespace trireme::collectives
