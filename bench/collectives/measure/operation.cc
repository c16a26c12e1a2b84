#include "operation.h"

#include <algorithm>
#include <array>
#include <utility>

namespace trireme::bench {

std::optional<Operation> parse_operation(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Operation>, 10> kNames{{
      {"all_reduce", Operation::kAllReduce},
      {"reduce_scatter", Operation::kReduceScatter},
      {"all_gather", Operation::kAllGather},
      {"broadcast", Operation::kBroadcast},
      {"reduce", Operation::kReduce},
      {"gather", Operation::kGather},
      {"scatter", Operation::kScatter},
      {"all_to_all", Operation::kAllToAll},
      {"send_receive", Operation::kSendReceive},
      {"barrier", Operation::kBarrier},
  }};
  const auto* found =
      std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == kNames.end()) return std::nullopt;
  return found->second;
}

bool is_blockwise(Operation operation) {
  switch (operation) {
    case Operation::kReduceScatter:
    case Operation::kAllGather:
    case Operation::kGather:
    case Operation::kScatter:
    case Operation::kAllToAll:
      return true;
    default:
      return false;
  }
}

Extents extents(Operation operation, std::int64_t count, int ranks, bool in_place) {
  const std::int64_t block = count / ranks;
  switch (operation) {
    case Operation::kAllReduce:
    case Operation::kBroadcast:
    case Operation::kReduce:
      return {count, 0};
    case Operation::kReduceScatter:
      return {count, in_place ? 0 : block};
    case Operation::kAllGather:
      return in_place ? Extents{count, 0} : Extents{block, count};
    case Operation::kGather:
      return {block, count};
    case Operation::kScatter:
      return {count, block};
    case Operation::kAllToAll:
    case Operation::kSendReceive:
      return {count, count};
    case Operation::kBarrier:
      return {0, 0};
  }
  return {0, 0};
}

}  // namespace trireme::bench
