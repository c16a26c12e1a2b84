#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The safetensors file format: u64 little-endian length of the header, a JSON header, the raw values.
//
// Files written here are read by `safetensors` in Python, and the other way round.
namespace trireme {

// One tensor of a file. `begin` and `end` count bytes from the start of the data section.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as the format spells it: "F32", "BF16", "I64", "U8", …
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const SafetensorsEntry&, const SafetensorsEntry&) = default;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  // bytes from the start of the file
};

// A tensor to be written: `values` are the contiguous bytes of `shape` elements of `dtype`.
struct SafetensorsValue {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> values;
};

// Bytes of one element; 0 for a dtype the format does not have.
[[nodiscard]] std::size_t safetensors_element_bytes(std::string_view dtype) noexcept;

// Reads the header of a file of `file_bytes` bytes from its first bytes (at least 8 and the whole header). Everything
// is checked before use: lengths, names, dtypes, shapes, and that the tensors fill the data section without gap or
// overlap. Throws DataError that starts with `file` and says what is wrong.
[[nodiscard]] SafetensorsHeader parse_safetensors_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                                                         std::string_view file);

// The bytes in front of the data section, padded with spaces so that the data starts at a multiple of 8.
[[nodiscard]] std::string encode_safetensors_header(std::span<const SafetensorsValue> tensors,
                                                    const std::map<std::string, std::string>& metadata);

// A file mapped read-only. Spans that it hands out live as long as it does. Const calls are thread-safe.
// The constructor throws DataError naming the file when it is missing, truncated or malformed.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] const SafetensorsHeader& header() const noexcept;
  // Null when the file has no such tensor.
  [[nodiscard]] const SafetensorsEntry* find(std::string_view name) const noexcept;
  [[nodiscard]] std::span<const std::byte> values(const SafetensorsEntry& entry) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct WrittenFile {
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;  // of the whole file
};

// Writes and fsyncs the file (not its folder). A file that cannot be written whole is removed and a DataError names it
// and the cause.
WrittenFile write_safetensors(const std::string& path, std::span<const SafetensorsValue> tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace trireme
