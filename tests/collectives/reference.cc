#include "reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <tuple>
#include <utility>

#include "reduce/half.h"

namespace trireme::collectives::test {
namespace {

std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

std::uint64_t random_bits(std::int64_t index, int rank) {
  return mixed(mixed(static_cast<std::uint64_t>(index)) + static_cast<std::uint64_t>(rank));
}

// In (-2, 2), with exponents spread widely enough for sums to round.
double random_number(std::uint64_t bits) {
  const double mantissa = static_cast<double>(bits >> 11) / 9007199254740992.0;
  return std::ldexp(1.0 + mantissa, -static_cast<int>(bits % 5)) * ((bits & 1024) != 0 ? -1 : 1);
}

template <typename T>
void put(Array& array, std::int64_t index, T value) {
  std::memcpy(array.slice(index, 1).data, &value, sizeof value);
}
template <typename T>
T get(Array& array, std::int64_t index) {
  T value;
  std::memcpy(&value, array.slice(index, 1).data, sizeof value);
  return value;
}

void put_sample(Array& array, std::int64_t index, std::uint64_t bits) {
  const double number = random_number(bits);
  switch (array.dtype()) {
    case Dtype::kUint8:
      return put(array, index, static_cast<std::uint8_t>(bits));
    case Dtype::kInt32:
      return put(array, index, static_cast<std::int32_t>(bits));
    case Dtype::kInt64:
      return put(array, index, static_cast<std::int64_t>(bits));
    case Dtype::kFloat16:
      return put(array, index, round_to_float16(static_cast<float>(number)));
    case Dtype::kBfloat16:
      return put(array, index, round_to_bfloat16(static_cast<float>(number)));
    case Dtype::kFloat32:
      return put(array, index, static_cast<float>(number));
    case Dtype::kFloat64:
      return put(array, index, number);
  }
}

template <typename T>
T combine(ReduceOp op, T a, T b) {
  switch (op) {
    case ReduceOp::kMin:
      return std::min(a, b);
    case ReduceOp::kMax:
      return std::max(a, b);
    case ReduceOp::kProduct:
      return static_cast<T>(a * b);
    default:
      return static_cast<T>(a + b);
  }
}
template <typename Signed, typename Unsigned>
Signed combine_wrapping(ReduceOp op, Signed a, Signed b) {
  if (op == ReduceOp::kMin || op == ReduceOp::kMax) return combine(op, a, b);
  return static_cast<Signed>(combine(op, static_cast<Unsigned>(a), static_cast<Unsigned>(b)));
}

std::vector<int>& node_sizes() {
  static std::vector<int> sizes;
  return sizes;
}

// Ranks of each node, for a group of this many; one node where none were set.
std::vector<int> nodes_of(int ranks) {
  const auto& sizes = node_sizes();
  return std::accumulate(sizes.begin(), sizes.end(), 0) == ranks ? sizes : std::vector<int>{ranks};
}

template <typename Stored, typename Load, typename Store, typename Finish, typename Combine>
Array reduce_as(Dtype dtype, std::int64_t count, int ranks, Load load, Store store, Finish finish,
                Combine combine_two) {
  std::vector<Array> inputs;
  for (int rank = 0; rank < ranks; ++rank) inputs.push_back(sample(dtype, count, rank));
  const auto nodes = nodes_of(ranks);
  Array result(dtype, count);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto of_node = [&](int first, int size) {
      auto sum = load(get<Stored>(inputs[first], i));
      for (int rank = first + 1; rank < first + size; ++rank)
        sum = combine_two(sum, load(get<Stored>(inputs[rank], i)));
      return sum;
    };
    auto sum = of_node(0, nodes[0]);
    int first = nodes[0];
    if (nodes.size() > 1) sum = load(store(sum));
    for (std::size_t node = 1; node < nodes.size(); first += nodes[node++]) {
      sum = combine_two(sum, load(store(of_node(first, nodes[node]))));
    }
    put(result, i, finish(nodes.size() > 1 ? load(store(sum)) : sum));
  }
  return result;
}

template <typename Stored, typename Sum, typename Load, typename Store>
Array reduce_floats(Dtype dtype, std::int64_t count, int ranks, ReduceOp op, Load load, Store store) {
  const auto finish = [&](Sum sum) { return store(op == ReduceOp::kAverage ? sum / static_cast<Sum>(ranks) : sum); };
  return reduce_as<Stored>(dtype, count, ranks, load, store, finish, [&](Sum a, Sum b) { return combine(op, a, b); });
}

template <typename Signed, typename Unsigned>
Array reduce_integers(Dtype dtype, std::int64_t count, int ranks, ReduceOp op) {
  const auto same = [](Signed value) { return value; };
  return reduce_as<Signed>(dtype, count, ranks, same, same, same,
                           [&](Signed a, Signed b) { return combine_wrapping<Signed, Unsigned>(op, a, b); });
}

Array computed_sample(Dtype dtype, std::int64_t count, int rank) {
  Array array(dtype, count);
  for (std::int64_t i = 0; i < count; ++i) put_sample(array, i, random_bits(i, rank));
  return array;
}

Array computed_reduction(Dtype dtype, std::int64_t count, int ranks, ReduceOp op) {
  const auto same = [](auto value) { return value; };
  switch (dtype) {
    case Dtype::kUint8:
      return reduce_integers<std::uint8_t, std::uint32_t>(dtype, count, ranks, op);
    case Dtype::kInt32:
      return reduce_integers<std::int32_t, std::uint32_t>(dtype, count, ranks, op);
    case Dtype::kInt64:
      return reduce_integers<std::int64_t, std::uint64_t>(dtype, count, ranks, op);
    case Dtype::kFloat16:
      return reduce_floats<std::uint16_t, float>(dtype, count, ranks, op, widen_float16, round_to_float16);
    case Dtype::kBfloat16:
      return reduce_floats<std::uint16_t, float>(dtype, count, ranks, op, widen_bfloat16, round_to_bfloat16);
    case Dtype::kFloat32:
      return reduce_floats<float, float>(dtype, count, ranks, op, same, same);
    case Dtype::kFloat64:
      break;
  }
  return reduce_floats<double, double>(dtype, count, ranks, op, same, same);
}

// Arrays that all ranks of a process ask for again and again. Element i does not depend on the count, so the longest
// array of a key has all shorter ones in it.
class Remembered {
 public:
  using Key = std::tuple<Dtype, int, int, std::vector<int>>;
  // The first `count` elements of what `compute(count)` gives for `key`.
  template <typename Compute>
  Array get(const Key& key, std::int64_t count, Compute&& compute) {
    constexpr std::int64_t kLongest = 100'000;
    if (count > kLongest) return compute(count);
    const std::lock_guard lock(mutex_);
    const auto known = arrays_.find(key);
    if (known != arrays_.end() && known->second.count() >= count) return part(known->second, 0, count);
    auto array = compute(count);
    arrays_.insert_or_assign(key, array);
    return array;
  }

 private:
  std::mutex mutex_;
  std::map<Key, Array> arrays_;
};

}  // namespace

void set_node_sizes(std::vector<int> sizes) { node_sizes() = std::move(sizes); }

bool operator==(const Array& a, const Array& b) {
  if (a.dtype_ != b.dtype_ || a.count_ != b.count_) return false;
  const auto bytes = static_cast<std::size_t>(a.count_) * size_of(a.dtype_);
  return bytes == 0 || std::memcmp(a.bytes_.data() + a.offset_, b.bytes_.data() + b.offset_, bytes) == 0;
}

Array sample(Dtype dtype, std::int64_t count, int rank, bool is_misaligned) {
  static Remembered samples;
  auto aligned = samples.get({dtype, rank, 0, {}}, count,
                             [&](std::int64_t wanted) { return computed_sample(dtype, wanted, rank); });
  if (!is_misaligned) return aligned;
  Array array(dtype, count, true);
  if (count > 0) std::memcpy(array.view().data, aligned.view().data, aligned.view().bytes());
  return array;
}

Array part(Array& whole, std::int64_t first, std::int64_t length) {
  Array result(whole.dtype(), length);
  const auto from = whole.slice(first, length);
  if (length > 0) std::memcpy(result.view().data, from.data, from.bytes());
  return result;
}

Array reduced_samples(Dtype dtype, std::int64_t count, int ranks, ReduceOp op) {
  static Remembered reductions;
  return reductions.get({dtype, ranks, static_cast<int>(op), nodes_of(ranks)}, count,
                        [&](std::int64_t wanted) { return computed_reduction(dtype, wanted, ranks, op); });
}

Array joined_samples(Dtype dtype, std::int64_t count, int ranks) {
  Array result(dtype, count * ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    auto block = sample(dtype, count, rank);
    if (count > 0) std::memcpy(result.slice(rank * count, count).data, block.view().data, block.view().bytes());
  }
  return result;
}

}  // namespace trireme::collectives::test
