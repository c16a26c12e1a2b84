#include "store/curve_codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "trireme/base/error.h"

// version, points, times…, steps…, columns, and per column: name, counts…, values…
namespace trireme::launcher {

namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::int64_t kMostMilliseconds = std::int64_t{1} << 52;

class ByteWriter {
 public:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_.push_back(static_cast<char>(value | 0x80U));
    bytes_.push_back(static_cast<char>(value));
  }
  // Small numbers of either sign are short. Differences wrap, as the reader's sums do.
  void differences(const std::vector<std::int64_t>& values) {
    std::uint64_t before = 0;
    for (const std::int64_t value : values) {
      const auto difference = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) - before);
      varint((static_cast<std::uint64_t>(difference) << 1U) ^ static_cast<std::uint64_t>(difference >> 63U));
      before = static_cast<std::uint64_t>(value);
    }
  }
  void text(const std::string& value) {
    varint(value.size());
    bytes_ += value;
  }
  template <typename Number>
  void number(Number value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof value);
  }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    fail();
  }
  // How many things follow that take at least a byte each.
  std::size_t count() {
    const std::uint64_t value = varint();
    if (value > rest_.size()) fail();
    return static_cast<std::size_t>(value);
  }
  std::vector<std::int64_t> differences(std::size_t count) {
    std::vector<std::int64_t> values(count);
    std::uint64_t sum = 0;
    for (std::int64_t& value : values) {
      const std::uint64_t coded = varint();
      sum += (coded >> 1U) ^ (~(coded & 1U) + 1U);
      value = static_cast<std::int64_t>(sum);
    }
    return values;
  }
  std::string text(std::size_t most) {
    const std::size_t size = count();
    if (size > most) fail();
    return std::string(take(size));
  }
  template <typename Number>
  double number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    if (!std::isfinite(value)) fail();
    return value;
  }
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }
  [[noreturn]] static void fail() { throw DataError("these bytes are no curve"); }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) fail();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
};

float narrowed(double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kMost, kMost));
}

void write_values(ByteWriter& writer, const Extent& extent) {
  if (extent.count == 1) return writer.number(extent.mean);
  for (const double value : {extent.mean, extent.low, extent.high}) writer.number(narrowed(value));
}

void read_values(ByteReader& reader, Extent& extent) {
  if (extent.count == 1) {
    extent = extent_of(reader.number<double>());
  } else if (extent.count > 1) {
    extent.mean = reader.number<float>();
    extent.low = reader.number<float>();
    extent.high = reader.number<float>();
    if (extent.low > extent.mean || extent.mean > extent.high) ByteReader::fail();
  }
}

std::vector<Extent> read_column(ByteReader& reader, std::size_t points) {
  std::vector<Extent> column(points);
  for (Extent& extent : column) {
    const std::uint64_t count = reader.varint();
    if (count > UINT32_MAX) ByteReader::fail();
    extent.count = static_cast<std::uint32_t>(count);
  }
  for (Extent& extent : column) read_values(reader, extent);
  return column;
}

}  // namespace

std::string pack(const Curve& curve) {
  ByteWriter writer;
  writer.varint(kVersion);
  writer.varint(curve.size());
  writer.differences(curve.times);
  writer.differences(curve.steps);
  writer.varint(curve.metrics.size());
  for (const auto& [name, column] : curve.metrics) {
    writer.text(name);
    for (const Extent& extent : column) writer.varint(extent.count);
    for (const Extent& extent : column) {
      if (extent.count > 0) write_values(writer, extent);
    }
  }
  return writer.take();
}

Curve unpack_curve(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.varint() != kVersion) ByteReader::fail();
  const std::size_t points = reader.count();
  Curve curve;
  curve.times = reader.differences(points);
  for (const std::int64_t time : curve.times) {
    if (time > kMostMilliseconds || time < -kMostMilliseconds) ByteReader::fail();
  }
  curve.steps = reader.differences(points);
  const std::uint64_t columns = reader.varint();
  if (columns > kMostMetrics) ByteReader::fail();
  for (std::uint64_t column = 0; column < columns; ++column) {
    std::string name = reader.text(kMostNameBytes);
    if (!curve.metrics.emplace(std::move(name), read_column(reader, points)).second) ByteReader::fail();
  }
  if (!reader.is_empty()) ByteReader::fail();
  return curve;
}

}  // namespace trireme::launcher
