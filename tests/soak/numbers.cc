#include "numbers.h"

#include <algorithm>
#include <cstring>

#include "reduce/half.h"
#include "trireme/base/message.h"

namespace trireme::soak {

namespace {

std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  return value ^ (value >> 29);
}

// Element i of the input of `rank`.
std::int64_t number(const Call& call, const Party& party, int rank, std::int64_t i) {
  const auto bits =
      mixed(call.seed + party.salt + static_cast<std::uint64_t>(i) * 31 + static_cast<std::uint64_t>(rank));
  if (call.op == ReduceOp::kProduct) return 1 + static_cast<std::int64_t>(bits % 2);
  const bool is_signed = call.dtype != Dtype::kUint8;
  return static_cast<std::int64_t>(bits % 15) - (is_signed ? 7 : 0);
}

std::int64_t reduced(const Call& call, const Party& party, std::int64_t i) {
  auto result = number(call, party, 0, i);
  for (int rank = 1; rank < party.size; ++rank) {
    const auto next = number(call, party, rank, i);
    if (call.op == ReduceOp::kMin) {
      result = std::min(result, next);
    } else if (call.op == ReduceOp::kMax) {
      result = std::max(result, next);
    } else {
      result = call.op == ReduceOp::kProduct ? result * next : result + next;
    }
  }
  return result;
}

// The element as the dtype's bits, in the low bytes.
std::uint64_t encoded(Dtype dtype, double value) {
  const auto bits_of = [](auto stored) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &stored, sizeof stored);
    return bits;
  };
  switch (dtype) {
    case Dtype::kUint8:
      return bits_of(static_cast<std::uint8_t>(static_cast<std::int64_t>(value)));
    case Dtype::kInt32:
      return bits_of(static_cast<std::int32_t>(value));
    case Dtype::kInt64:
      return bits_of(static_cast<std::int64_t>(value));
    case Dtype::kFloat16:
      return bits_of(collectives::round_to_float16(static_cast<float>(value)));
    case Dtype::kBfloat16:
      return bits_of(collectives::round_to_bfloat16(static_cast<float>(value)));
    case Dtype::kFloat32:
      return bits_of(static_cast<float>(value));
    case Dtype::kFloat64:
      break;
  }
  return bits_of(value);
}

// Element i of what this rank must get.
double expected(const Call& call, const Party& party, std::int64_t i) {
  const auto of = [&](int rank, std::int64_t element) {
    return static_cast<double>(number(call, party, rank, element));
  };
  const auto block = [&] { return static_cast<int>(i / call.count); };
  switch (call.kind) {
    case CallKind::kAllReduce:
    case CallKind::kReduce:
    case CallKind::kReduceScatter: {
      const auto element = call.kind == CallKind::kReduceScatter ? party.rank * call.count + i : i;
      const auto sum = static_cast<double>(reduced(call, party, element));
      return call.op == ReduceOp::kAverage ? sum / party.size : sum;
    }
    case CallKind::kAllGather:
    case CallKind::kGather:
      return of(block(), i % call.count);
    case CallKind::kAllToAll:
      return of(block(), party.rank * call.count + i % call.count);
    case CallKind::kBroadcast:
      return of(call.root, i);
    case CallKind::kScatter:
      return of(call.root, party.rank * call.count + i);
    case CallKind::kRing:
      return of((party.rank + party.size - 1) % party.size, i);
    case CallKind::kBarrier:
      break;
  }
  return 0;
}

}  // namespace

void fill(const Call& call, const Party& party, int rank, const Buffer& buffer) {
  const auto width = size_of(buffer.dtype);
  auto* at = static_cast<std::byte*>(buffer.data);
  for (std::int64_t i = 0; i < buffer.count; ++i, at += width) {
    const auto bits = encoded(buffer.dtype, static_cast<double>(number(call, party, rank, i)));
    std::memcpy(at, &bits, width);
  }
}

std::optional<std::string> find_wrong(const Call& call, const Party& party, const Buffer& output) {
  const auto width = size_of(output.dtype);
  const auto* at = static_cast<const std::byte*>(output.data);
  for (std::int64_t i = 0; i < output.count; ++i, at += width) {
    const auto bits = encoded(output.dtype, expected(call, party, i));
    if (std::memcmp(at, &bits, width) == 0) continue;
    return message("{} of {} {} on rank {}/{}: element {} is wrong", to_string(call.kind), call.count,
                   collectives::to_string(call.dtype), party.rank, party.size, i);
  }
  return std::nullopt;
}

}  // namespace trireme::soak
