#include "call_log.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr std::uint64_t kFormat = 0x74726972'63616c01;  // "trircal", version 1

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  value = (value ^ (value >> 31)) * 0x9e3779b97f4a7c15ULL;
  hash = (hash ^ value) * 0xbf58476d1ce4e5b9ULL;
  return hash ^ (hash >> 29);
}

// The order in which a rank's calls are told apart: collectives by their number, messages by pair and number.
struct Slot {
  std::int32_t source = -1;
  std::int32_t target = -1;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const Slot&, const Slot&) = default;
};
Slot slot_of(const Call& call) { return {call.source, call.target, call.signature.sequence}; }

struct Side {
  int rank;
  Call call;
};

bool fit(const Call& a, const Call& b) { return hash_of(a, true) == hash_of(b, true); }

std::string describe(const Call& call, bool with_places) {
  auto text = collectives::describe(call.signature);
  if (call.is_message()) return text + message(", tag 0 ({} bytes)", call.signature.bytes());
  if (!with_places) return text;
  const auto place = [](std::uint64_t at) {
    return at == 0 ? std::string("memory of its own") : message("allocate() {} at byte {}", at >> 48, at << 16 >> 16);
  };
  return text + message(" from {} to {}", place(call.input_place), place(call.output_place));
}

// "ranks called different operations: rank 0 called …; rank 1, 2 called …"
std::string describe(const std::vector<Side>& sides) {
  const bool with_places = std::ranges::any_of(
      sides, [](const Side& side) { return side.call.input_place != 0 || side.call.output_place != 0; });
  std::vector<std::pair<std::string, std::string>> by_call;  // what was called, and the ranks that did
  for (const auto& side : sides) {
    const auto what = describe(side.call, with_places);
    const auto same = std::ranges::find(by_call, what, &std::pair<std::string, std::string>::first);
    if (same != by_call.end()) {
      same->second += message(", {}", side.rank);
    } else {
      by_call.emplace_back(what, message("rank {}", side.rank));
    }
  }
  std::string text = "ranks called different operations";
  const char* separator = ": ";
  for (const auto& [what, ranks] : by_call) {
    text += separator + ranks + " called " + what;
    separator = "; ";
  }
  return text + ". Make every rank call the same operations in the same order with the same counts" +
         (with_places ? ", on the same part of allocated memory" : "");
}

}  // namespace

std::uint64_t hash_of(const Call& call, bool with_sequence) {
  const auto& signature = call.signature;
  std::uint64_t hash = 0x51ed270b;
  hash = mix(hash, static_cast<std::uint64_t>(signature.count));
  hash = mix(hash, static_cast<std::uint64_t>(signature.dtype));
  if (!call.is_message()) {
    hash = mix(hash, static_cast<std::uint64_t>(signature.kind));
    hash = mix(hash, static_cast<std::uint64_t>(signature.op));
    hash = mix(hash, static_cast<std::uint64_t>(signature.root) + 1);
    hash = mix(hash, call.input_place);
    hash = mix(hash, call.output_place);
  }
  hash = mix(hash, static_cast<std::uint64_t>(call.source + 1) << 32 | static_cast<std::uint64_t>(call.target + 1));
  return with_sequence ? mix(hash, signature.sequence) : hash;
}

std::string Standing::encode() const {
  const std::uint64_t header[] = {kFormat, collectives, alarm, calls.size()};
  std::string bytes(sizeof header + calls.size() * sizeof(Call), '\0');
  std::memcpy(bytes.data(), header, sizeof header);
  if (!calls.empty()) std::memcpy(bytes.data() + sizeof header, calls.data(), calls.size() * sizeof(Call));
  return bytes;
}

std::optional<Standing> Standing::decode(std::string_view bytes) {
  std::uint64_t header[4];
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(header, bytes.data(), sizeof header);
  bytes.remove_prefix(sizeof header);
  if (header[0] != kFormat || header[3] > CallLog::kKept || bytes.size() != header[3] * sizeof(Call)) {
    return std::nullopt;
  }
  Standing standing{.collectives = header[1], .alarm = header[2], .calls = std::vector<Call>(header[3])};
  if (!bytes.empty()) std::memcpy(standing.calls.data(), bytes.data(), bytes.size());
  return standing;
}

std::string describe(const Standing& standing) {
  const auto text = [](const Call& call) {
    return message("{} ({} bytes)", collectives::describe(call.signature), call.signature.bytes());
  };
  if (standing.calls.empty()) return "has posted nothing";
  const auto& last = standing.calls.back();
  if (!last.is_message()) return "has posted " + text(last);
  const auto before =
      std::find_if(standing.calls.rbegin(), standing.calls.rend(), [](const Call& call) { return !call.is_message(); });
  return "has posted " + (before == standing.calls.rend() ? "" : text(*before) + " and then ") + text(last);
}

std::optional<std::string> find_disagreement(std::span<const std::optional<Standing>> by_rank) {
  std::map<Slot, std::vector<Side>> slots;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (!by_rank[rank]) continue;
    for (const auto& call : by_rank[rank]->calls) slots[slot_of(call)].push_back({static_cast<int>(rank), call});
  }
  for (const auto& [slot, sides] : slots) {
    const auto differs = [&](const Side& side) { return !fit(side.call, sides.front().call); };
    if (std::ranges::any_of(sides, differs)) return describe(sides);
  }
  return std::nullopt;
}

void CallLog::add(const Call& call) {
  if (!call.is_message()) {
    collectives_ = call.signature.sequence;
    hash_ = mix(hash_, hash_of(call, true));
  }
  calls_.push_back(call);
  if (calls_.size() > kKept) calls_.pop_front();
}

Standing CallLog::standing() const {
  return {.collectives = collectives_, .alarm = 0, .calls = {calls_.begin(), calls_.end()}};
}

}  // namespace trireme::collectives
