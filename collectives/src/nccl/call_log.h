#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "../operation.h"

// What a rank called, kept so that ranks can compare it: NCCL itself does not, and mixes data or hangs. Pure values.
namespace trireme::collectives {

// An operation as ranks compare it. Travels as bytes.
struct Call {
  Signature signature;
  // Where the buffers lie: see NcclWindows::place(). NCCL's symmetric kernels need the same on every rank.
  std::uint64_t input_place = 0;
  std::uint64_t output_place = 0;
  // Of a message; -1 for collectives.
  std::int32_t source = -1;
  std::int32_t target = -1;

  [[nodiscard]] bool is_message() const noexcept { return source >= 0; }
  friend bool operator==(const Call&, const Call&) = default;
};
static_assert(std::has_unique_object_representations_v<Call>);

// Equal for calls that fit together, those of a sender and of its receiver included; the number of the call counts
// only when asked for.
[[nodiscard]] std::uint64_t hash_of(const Call& call, bool with_sequence);

// What one rank tells the others: its last calls, and how far it is.
struct Standing {
  std::uint64_t collectives = 0;  // posted
  std::uint64_t alarm = 0;        // the last alarm that this answers
  std::vector<Call> calls;        // the last ones, oldest first; of both kinds

  [[nodiscard]] std::string encode() const;
  // Nothing when the bytes are no standing.
  [[nodiscard]] static std::optional<Standing> decode(std::string_view bytes);
};

// "has posted all_reduce #12 of 1024 float32, sum (4096 bytes)", and the message after it if there was one.
[[nodiscard]] std::string describe(const Standing& standing);

// The first call on which ranks disagree, with every side of it; nothing when none is known. An empty place is a rank
// that told nothing. Ranks that have not come as far do not disagree.
[[nodiscard]] std::optional<std::string> find_disagreement(std::span<const std::optional<Standing>> by_rank);

// The last calls of this rank, and a running hash over all its collectives.
class CallLog {
 public:
  static constexpr std::size_t kKept = 1024;

  void add(const Call& call);
  [[nodiscard]] std::uint64_t collectives() const noexcept { return collectives_; }
  // Over all collectives so far, in order.
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] const Call* last() const noexcept { return calls_.empty() ? nullptr : &calls_.back(); }
  [[nodiscard]] Standing standing() const;

 private:
  std::deque<Call> calls_;
  std::uint64_t collectives_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace trireme::collectives
