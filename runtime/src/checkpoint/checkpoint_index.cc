#include "checkpoint/checkpoint_index.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "data/checksum.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

using nlohmann::json;

// Found by nlohmann through argument-dependent lookup, so not in the anonymous namespace.
static void to_json(json& out, const IndexedFile& file) {
  out = {{"name", file.name}, {"bytes", file.bytes}, {"crc32c", file.crc32c}};
}
static void from_json(const json& in, IndexedFile& file) { file = {in.at("name"), in.at("bytes"), in.at("crc32c")}; }
static void to_json(json& out, const IndexedSlice& slice) {
  out = {{"offset", slice.offset}, {"count", slice.count}, {"file", slice.file}, {"key", slice.key}};
}
static void from_json(const json& in, IndexedSlice& slice) {
  slice = {in.at("offset"), in.at("count"), in.at("file"), in.at("key")};
}
static void to_json(json& out, const IndexedTensor& tensor) {
  out = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"slices", tensor.slices}};
}
static void from_json(const json& in, IndexedTensor& tensor) {
  tensor.dtype = in.at("dtype").get<std::string>();
  tensor.shape = in.at("shape").get<std::vector<std::int64_t>>();
  tensor.slices = in.at("slices").get<std::vector<IndexedSlice>>();
}

namespace {

constexpr std::string_view kFormat = "trireme-checkpoint";

std::string checksum_text(const std::string& text) {
  char hex[24];
  std::snprintf(hex, sizeof hex, "crc32c:%08x", crc32c(std::as_bytes(std::span(text))));
  return hex;
}

CheckpointIndex read_body(const json& body) {
  CheckpointIndex index;
  index.step = body.at("step").get<std::int64_t>();
  index.world_size = body.at("world_size").get<int>();
  index.saved_at_ns = body.at("saved_at_ns").get<std::int64_t>();
  index.files = body.at("files").get<std::vector<IndexedFile>>();
  index.tensors = body.at("tensors").get<std::map<std::string, IndexedTensor>>();
  index.scalars = body.at("scalars").get<std::map<std::string, std::string>>();
  index.metadata = body.at("metadata").get<std::map<std::string, std::string>>();
  return index;
}

// The index has a checksum, so these say that a writer was wrong rather than a disk.
void check_files(const CheckpointIndex& index) {
  for (const auto& [name, tensor] : index.tensors) {
    for (const IndexedSlice& slice : tensor.slices) {
      if (std::ranges::find(index.files, slice.file, &IndexedFile::name) == index.files.end()) {
        throw CheckpointError(message("tensor '{}' lies in '{}', which is not listed", name, slice.file));
      }
    }
  }
}

}  // namespace

std::int64_t element_count(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) {
      throw CheckpointError(message("a tensor's shape with {} cannot be", extent));
    }
  }
  return count;
}

std::string encode_manifest(const ShardManifest& manifest) {
  return json{{"files", manifest.files}, {"tensors", manifest.tensors}}.dump();
}

ShardManifest parse_manifest(std::string_view text) {
  const json parsed = json::parse(text);
  return {parsed.at("files").get<std::vector<IndexedFile>>(),
          parsed.at("tensors").get<std::map<std::string, IndexedTensor>>()};
}

void add_manifest(CheckpointIndex& index, const ShardManifest& manifest) {
  index.files.insert(index.files.end(), manifest.files.begin(), manifest.files.end());
  for (const auto& [name, part] : manifest.tensors) {
    const auto [found, is_new] = index.tensors.try_emplace(name, IndexedTensor{part.dtype, part.shape, {}});
    IndexedTensor& whole = found->second;
    if (whole.dtype != part.dtype || whole.shape != part.shape) {
      throw CheckpointError(message("ranks disagree about dtype or shape of tensor '{}'", name));
    }
    whole.slices.insert(whole.slices.end(), part.slices.begin(), part.slices.end());
    std::ranges::sort(whole.slices, {}, &IndexedSlice::offset);
  }
}

void check_coverage(const CheckpointIndex& index) {
  for (const auto& [name, tensor] : index.tensors) {
    std::int64_t at = 0;
    for (const IndexedSlice& slice : tensor.slices) {
      if (slice.offset != at || slice.count < 0) {
        throw CheckpointError(message("tensor '{}': its slices leave a gap or overlap at element {}", name, at));
      }
      at += slice.count;
    }
    if (at != element_count(tensor.shape)) {
      throw CheckpointError(message("tensor '{}': {} of {} elements are there", name, at, element_count(tensor.shape)));
    }
  }
}

std::string encode_index(const CheckpointIndex& index) {
  const json body{{"step", index.step},        {"world_size", index.world_size}, {"saved_at_ns", index.saved_at_ns},
                  {"files", index.files},      {"tensors", index.tensors},       {"scalars", index.scalars},
                  {"metadata", index.metadata}};
  const nlohmann::ordered_json whole{
      {"format", kFormat}, {"version", kCheckpointVersion}, {"checksum", checksum_text(body.dump())}, {"index", body}};
  return whole.dump(1) + "\n";
}

CheckpointIndex parse_index(std::string_view text, std::string_view file) {
  try {
    const json whole = json::parse(text);
    if (whole.at("format") != kFormat) throw CheckpointError("not the index of a checkpoint");
    if (whole.at("version") != kCheckpointVersion) {
      throw CheckpointError(message("version {} expected, {} found", kCheckpointVersion, whole.at("version").dump()));
    }
    const json& body = whole.at("index");
    if (whole.at("checksum") != checksum_text(body.dump())) throw CheckpointError("its checksum does not match");
    CheckpointIndex index = read_body(body);
    check_files(index);
    check_coverage(index);
    return index;
  } catch (const json::exception& error) {
    throw CheckpointError(message("{}: not a usable index: {}", file, error.what()));
  } catch (const CheckpointError& error) {
    throw CheckpointError(message("{}: {}", file, error.what()));
  }
}

std::string checkpoint_folder_name(std::int64_t step) {
  char name[40];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::int64_t step_of_folder_name(std::string_view name) {
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + 8) return -1;
  name.remove_prefix(kPrefix.size());
  std::int64_t step = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  return error == std::errc() && end == name.data() + name.size() && step >= 0 ? step : -1;
}

}  // namespace trireme
