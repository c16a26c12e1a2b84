#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// The index of a checkpoint as values and as text. No files, no ranks, no tensors.
namespace trireme {

inline constexpr int kCheckpointVersion = 1;
inline constexpr const char* kIndexFile = "index.json";

struct IndexedFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(const IndexedFile&, const IndexedFile&) = default;
};

// Elements [offset, offset + count) of the flattened tensor lie in file `file` under `key`.
struct IndexedSlice {
  std::int64_t offset = 0;
  std::int64_t count = 0;
  std::string file;
  std::string key;
  friend bool operator==(const IndexedSlice&, const IndexedSlice&) = default;
};

struct IndexedTensor {
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<IndexedSlice> slices;  // by offset
  friend bool operator==(const IndexedTensor&, const IndexedTensor&) = default;
};

// What one rank wrote.
struct ShardManifest {
  std::vector<IndexedFile> files;
  std::map<std::string, IndexedTensor> tensors;
};

struct CheckpointIndex {
  std::int64_t step = 0;
  int world_size = 1;
  std::int64_t saved_at_ns = 0;  // since the epoch; orders the checkpoints of a folder
  std::vector<IndexedFile> files;
  std::map<std::string, IndexedTensor> tensors;
  std::map<std::string, std::string> scalars;
  std::map<std::string, std::string> metadata;
};

[[nodiscard]] std::int64_t element_count(const std::vector<std::int64_t>& shape);

[[nodiscard]] std::string encode_manifest(const ShardManifest& manifest);
[[nodiscard]] ShardManifest parse_manifest(std::string_view text);

// Adds what a rank wrote. Throws CheckpointError when ranks disagree about a tensor.
void add_manifest(CheckpointIndex& index, const ShardManifest& manifest);
// Throws CheckpointError naming a tensor whose elements are not all saved exactly once.
void check_coverage(const CheckpointIndex& index);

// JSON text with a checksum of itself.
[[nodiscard]] std::string encode_index(const CheckpointIndex& index);
// Throws CheckpointError that starts with `file` and says what is wrong: not JSON, another version, a checksum that
// does not match, a key that is missing or of another type, a slice of a file that is not listed.
[[nodiscard]] CheckpointIndex parse_index(std::string_view text, std::string_view file);

// "step-00000200"
[[nodiscard]] std::string checkpoint_folder_name(std::int64_t step);
// The step of such a name; -1 for any other name.
[[nodiscard]] std::int64_t step_of_folder_name(std::string_view name);

}  // namespace trireme
