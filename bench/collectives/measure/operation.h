#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// The operations that are measured, and what each reads and writes.
namespace trireme::bench {

enum class Operation {
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kReduce,
  kGather,
  kScatter,
  kAllToAll,
  kSendReceive,  // to the next rank, from the one before
  kBarrier,
};

inline constexpr int kRoot = 0;

// "all_reduce", … ; nullopt for anything else.
[[nodiscard]] std::optional<Operation> parse_operation(std::string_view name);

// Elements of the buffers an operation needs on every rank. `count` is the operation's size as nccl-tests defines it:
// for all_gather and gather the whole output, for reduce_scatter, scatter and all_to_all the whole input.
struct Extents {
  std::int64_t input = 0;
  std::int64_t output = 0;  // 0: the operation works in place
};

// `in_place`: what the system prefers for reduce_scatter and all_gather; the others are in place or not by nature.
[[nodiscard]] Extents extents(Operation operation, std::int64_t count, int ranks, bool in_place);

// True for operations that cut `count` into one block a rank, so that it must be a multiple of the ranks.
[[nodiscard]] bool is_blockwise(Operation operation);

}  // namespace trireme::bench
