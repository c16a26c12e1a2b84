#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "trireme/collectives/communicator.h"

// One round of the campaign as a value: made of a seed alone, so that every rank, and whoever repeats it, has the same.
namespace trireme::soak {

using collectives::Dtype;
using collectives::ReduceOp;

enum class CallKind {
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kReduce,
  kGather,
  kScatter,
  kAllToAll,
  kBarrier,
  kRing,  // send to the next rank, receive from the one before
};
[[nodiscard]] const char* to_string(CallKind kind);

enum class BufferKind { kForeign, kArena, kMixed };  // kMixed: arena memory on odd ranks

struct Call {
  CallKind kind = CallKind::kBarrier;
  Dtype dtype = Dtype::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  std::int64_t count = 0;  // of one rank's block
  int root = 0;
  bool is_in_place = false;
  BufferKind buffer = BufferKind::kForeign;
  int offset = 0;          // bytes between the memory's beginning and the first element
  bool on_half = false;    // among the ranks of the same parity
  std::uint64_t seed = 0;  // of the numbers
};

enum class Injection {
  kKilled,         // SIGKILL by itself, before it posts
  kKilledInside,   // after it posted, before it waits
  kKilledAnytime,  // SIGKILL by the parent, somewhere
  kKilledForming,  // before it joins the first group, a part of it, or the allocation of memory
  kStopped,        // SIGSTOP
  kSilent,         // alive, but does not call until the others gave up
  kOtherCount,
  kOtherDtype,
  kOtherOp,
  kOtherKind,
  kOtherOrder,  // calls the next operation first
};
[[nodiscard]] const char* to_string(Injection injection);
[[nodiscard]] bool is_kill(Injection injection);
[[nodiscard]] bool is_hang(Injection injection);
[[nodiscard]] bool is_mismatch(Injection injection);

struct Plan {
  std::uint64_t seed = 0;
  std::string backend;
  int ranks = 2;
  std::size_t staging_bytes = 0;  // of shm
  int in_flight = 1;              // operations posted before the oldest is waited for
  std::vector<Call> calls;
  Injection injection = Injection::kKilled;
  int victim = 0;
  std::size_t at = 0;                    // the call at which it happens; never on a half
  Call instead;                          // what the victim of a mismatch calls
  std::chrono::milliseconds timeout{0};  // of the operations around the injection, when it is a hang
  std::chrono::microseconds delay{0};    // of kKilledAnytime
  std::vector<Call> afterwards;          // among the survivors
};

// `backends` are those to choose from.
[[nodiscard]] Plan make_plan(std::uint64_t seed, const std::vector<std::string>& backends);
// "seed=7 backend=shm ranks=3 calls=9 in_flight=2 injection=killed victim=1 at=4"
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace trireme::soak
