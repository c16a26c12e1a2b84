#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/safetensors.h"

namespace trireme {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kHeaderLimit = 100'000'000;  // the reference implementation's limit
constexpr std::string_view kMetadataKey = "__metadata__";

constexpr std::array<std::pair<std::string_view, std::size_t>, 14> kDtypes{{{"BOOL", 1},
                                                                            {"U8", 1},
                                                                            {"I8", 1},
                                                                            {"F8_E4M3", 1},
                                                                            {"F8_E5M2", 1},
                                                                            {"I16", 2},
                                                                            {"U16", 2},
                                                                            {"F16", 2},
                                                                            {"BF16", 2},
                                                                            {"I32", 4},
                                                                            {"U32", 4},
                                                                            {"F32", 4},
                                                                            {"I64", 8},
                                                                            {"F64", 8}}};

template <typename... Args>
[[noreturn]] void reject(std::string_view file, std::string_view pattern, const Args&... args) {
  throw DataError(message("{}: not a usable safetensors file: {}", file, message(pattern, args...)));
}

json parse_json(std::string_view text, std::string_view file) {
  // A depth limit: the format nests three levels, and a recursive destructor must not meet a hostile million.
  const auto limit_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth > 8) reject(file, "the header nests deeper than 8 levels");
    return true;
  };
  json header = json::parse(text, limit_depth, /*allow_exceptions=*/false);
  if (!header.is_object()) reject(file, "the header is not a JSON object");
  return header;
}

std::uint64_t read_unsigned(const json& value, std::string_view what, std::string_view name, std::string_view file) {
  if (!value.is_number_unsigned()) reject(file, "{} of tensor '{}' is not a non-negative integer", what, name);
  return value.get<std::uint64_t>();
}

std::vector<std::int64_t> read_shape(const json& value, const std::string& name, std::string_view file) {
  if (!value.is_array()) reject(file, "shape of tensor '{}' is not a list", name);
  std::vector<std::int64_t> shape;
  for (const json& extent : value) {
    const std::uint64_t length = read_unsigned(extent, "shape", name, file);
    if (length > INT64_MAX) reject(file, "shape of tensor '{}' overflows", name);
    shape.push_back(static_cast<std::int64_t>(length));
  }
  return shape;
}

// Bytes that dtype and shape ask for.
std::uint64_t expected_bytes(const SafetensorsEntry& entry, std::string_view file) {
  std::uint64_t bytes = safetensors_element_bytes(entry.dtype);
  if (bytes == 0) reject(file, "tensor '{}' has the unknown dtype '{}'", entry.name, entry.dtype);
  for (const std::int64_t extent : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) {
      reject(file, "shape of tensor '{}' overflows", entry.name);
    }
  }
  return bytes;
}

SafetensorsEntry read_entry(const std::string& name, const json& value, std::string_view file) {
  if (!value.is_object()) reject(file, "the entry of tensor '{}' is not an object", name);
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!value.contains(key)) reject(file, "tensor '{}' lacks '{}'", name, key);
  }
  if (!value["dtype"].is_string()) reject(file, "dtype of tensor '{}' is not text", name);
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) reject(file, "data_offsets of tensor '{}' are not a pair", name);

  SafetensorsEntry entry{name, value["dtype"].get<std::string>(), read_shape(value["shape"], name, file),
                         read_unsigned(offsets[0], "data_offsets", name, file),
                         read_unsigned(offsets[1], "data_offsets", name, file)};
  if (entry.begin > entry.end || entry.end - entry.begin != expected_bytes(entry, file)) {
    reject(file, "tensor '{}' needs {} bytes, its offsets [{}, {}) disagree", name, expected_bytes(entry, file),
           entry.begin, entry.end);
  }
  return entry;
}

std::map<std::string, std::string> read_metadata(const json& value, std::string_view file) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) reject(file, "{} is not an object", kMetadataKey);
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) reject(file, "{} '{}' is not text", kMetadataKey, key);
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// Tensors must fill the data section exactly, in order.
void check_layout(const SafetensorsHeader& header, std::uint64_t data_bytes, std::string_view file) {
  std::uint64_t at = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != at) reject(file, "tensor '{}' starts at {}, expected {}", entry.name, entry.begin, at);
    at = entry.end;
  }
  if (at != data_bytes) reject(file, "{} bytes of data expected, {} found: truncated or overwritten", at, data_bytes);
}

}  // namespace

std::size_t safetensors_element_bytes(std::string_view dtype) noexcept {
  const auto found =
      std::find_if(kDtypes.begin(), kDtypes.end(), [&](const auto& known) { return known.first == dtype; });
  return found == kDtypes.end() ? 0 : found->second;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                                           std::string_view file) {
  static_assert(std::endian::native == std::endian::little);
  if (start.size() < kLengthBytes || file_bytes < kLengthBytes) {
    reject(file, "{} bytes found, at least {} expected", file_bytes, kLengthBytes);
  }
  std::uint64_t length = 0;
  std::memcpy(&length, start.data(), sizeof length);
  if (length > kHeaderLimit || length > file_bytes - kLengthBytes || length > start.size() - kLengthBytes) {
    reject(file, "a header of {} bytes expected, {} bytes follow", length, file_bytes - kLengthBytes);
  }
  const std::string_view text(reinterpret_cast<const char*>(start.data()) + kLengthBytes, length);

  SafetensorsHeader header;
  header.data_begin = kLengthBytes + length;
  const json parsed = parse_json(text, file);
  for (const auto& [name, value] : parsed.items()) {
    if (name == kMetadataKey) {
      header.metadata = read_metadata(value, file);
    } else {
      header.entries.push_back(read_entry(name, value, file));
    }
  }
  std::ranges::sort(header.entries, {},
                    [](const SafetensorsEntry& entry) { return std::pair(entry.begin, entry.end); });
  check_layout(header, file_bytes - header.data_begin, file);
  return header;
}

std::string encode_safetensors_header(std::span<const SafetensorsValue> tensors,
                                      const std::map<std::string, std::string>& metadata) {
  // ordered_json: readers show tensors in the order of the header, which is the order of the data.
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(kMetadataKey)] = metadata;
  std::uint64_t at = 0;
  for (const SafetensorsValue& tensor : tensors) {
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + tensor.values.size()}}};
    at += tensor.values.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  std::string prefix(kLengthBytes, '\0');
  std::memcpy(prefix.data(), &length, sizeof length);
  return prefix + text;
}

}  // namespace trireme
