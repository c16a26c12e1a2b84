#include "operation.h"

#include <algorithm>
#include <vector>

#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// What make_part() was told, as far as it goes.
Signature whole_of(const Signature& part) {
  return {.sequence = part.parent & 0xffffffffU,
          .count = part.parent_count,
          .root = static_cast<std::int16_t>(part.parent >> 32 & 0xffffU),
          .kind = static_cast<OpKind>((part.parent >> 56) - 1),
          .dtype = static_cast<Dtype>(part.parent >> 52 & 0xfU),
          .op = static_cast<ReduceOp>(part.parent >> 48 & 0xfU)};
}

// "ranks 0, 2" of those who called `signature`.
std::string callers(std::span<const Signature> by_rank, const Signature& signature) {
  std::string ranks;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (by_rank[rank] == signature) ranks += (ranks.empty() ? "" : ", ") + std::to_string(rank);
  }
  return "rank " + ranks;
}

}  // namespace

bool overlap(const Buffer& a, const Buffer& b) noexcept {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a.data);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b.data);
  return a.count > 0 && b.count > 0 && b_begin < a_begin + a.bytes() && a_begin < b_begin + b.bytes();
}

const char* to_string(OpKind kind) noexcept {
  switch (kind) {
    case OpKind::kBarrier:
      return "barrier";
    case OpKind::kAllReduce:
      return "all_reduce";
    case OpKind::kReduceScatter:
      return "reduce_scatter";
    case OpKind::kAllGather:
      return "all_gather";
    case OpKind::kBroadcast:
      return "broadcast";
    case OpKind::kReduce:
      return "reduce";
    case OpKind::kGather:
      return "gather";
    case OpKind::kScatter:
      return "scatter";
    case OpKind::kAllToAll:
      return "all_to_all";
    case OpKind::kAllocate:
      return "allocate";
    case OpKind::kSend:
      return "send";
    case OpKind::kReceive:
      return "receive";
  }
  return "unknown operation";
}

Signature make_part(Signature part, const Signature& whole) noexcept {
  const auto kind = static_cast<std::uint64_t>(whole.kind) + 1;
  const auto dtype = static_cast<std::uint64_t>(whole.dtype);
  const auto op = static_cast<std::uint64_t>(whole.op);
  const auto root = static_cast<std::uint64_t>(static_cast<std::uint16_t>(whole.root));
  part.parent = kind << 56 | dtype << 52 | op << 48 | root << 32 | static_cast<std::uint32_t>(whole.sequence);
  part.parent_count = whole.count;
  return part;
}

std::string describe(const Signature& signature) {
  if (signature.parent != 0) return describe(whole_of(signature));
  auto text = message("{} #{}", to_string(signature.kind), signature.sequence);
  if (signature.kind == OpKind::kBarrier) return text;
  text += message(" of {} {}", signature.count, to_string(signature.dtype));
  if (is_reduction(signature.kind)) text += message(", {}", to_string(signature.op));
  if (is_rooted(signature.kind)) text += message(", root {}", signature.root);
  if (is_point_to_point(signature.kind)) text += message(", peer {}", signature.root);
  return text;
}

std::optional<std::string> find_mismatch(std::span<const Signature> by_rank) {
  std::vector<Signature> sides;
  for (const auto& signature : by_rank) {
    if (std::ranges::find(sides, signature) == sides.end()) sides.push_back(signature);
  }
  if (sides.size() < 2) return std::nullopt;
  std::string text = "ranks called different operations";
  const char* separator = ": ";
  for (const auto& side : sides) {
    text += separator + callers(by_rank, side) + " called " + describe(side);
    separator = "; ";
  }
  return text + ". Make every rank call the same operations in the same order with the same counts";
}

}  // namespace trireme::collectives
