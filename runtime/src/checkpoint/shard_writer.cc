#include "checkpoint/shard_writer.h"

#include <ATen/core/Tensor.h>

#include <cstdio>
#include <utility>

#include "checkpoint/tensor_dtype.h"
#include "trireme/base/check.h"
#include "trireme/runtime/safetensors.h"

namespace trireme {
namespace {

// "model.safetensors" in a world of one, else Hugging Face's "model-00001-of-00004.safetensors".
std::string shard_file_name(const std::string& shard_name, const ShardPlace& place) {
  if (place.world_size == 1) return shard_name + ".safetensors";
  char part[48];
  std::snprintf(part, sizeof part, "-%05d-of-%05d.safetensors", place.rank + 1, place.world_size);
  return shard_name + part;
}

// The tensors of one file; `held` keeps host copies alive until they are written.
struct Shard {
  std::vector<SafetensorsValue> values;
  std::vector<at::Tensor> held;
};

void add_slice(Shard& shard, IndexedTensor& tensor, const TensorSlice& slice, const std::string& file) {
  TRIREME_CHECK(slice.values.dim() == 1 && slice.values.is_contiguous(), "'{}' is not a flat view", slice.name);
  const std::int64_t count = slice.values.numel();
  const bool is_whole = count == element_count(slice.global_shape);
  const std::string key = is_whole ? slice.name : slice.name + "@" + std::to_string(slice.offset);
  const at::Tensor host = slice.values.detach().cpu();
  shard.values.push_back({key, tensor.dtype, is_whole ? slice.global_shape : std::vector<std::int64_t>{count},
                          std::span(static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes())});
  shard.held.push_back(host);
  tensor.slices.push_back({slice.offset, count, file, key});
}

}  // namespace

ShardManifest write_shards(const ShardPlace& place, const std::vector<StateSource*>& sources,
                           const std::map<std::string, std::string>& metadata) {
  ShardManifest manifest;
  std::map<std::string, Shard> shards;  // by file name
  for (StateSource* source : sources) {
    const std::string file = shard_file_name(source->shard_name(), place);
    for (const TensorSlice& slice : source->tensor_slices()) {
      if (!slice.is_owner) continue;
      const std::string dtype(safetensors_dtype(slice.values.scalar_type()));
      const auto found = manifest.tensors.try_emplace(slice.name, IndexedTensor{dtype, slice.global_shape, {}}).first;
      add_slice(shards[file], found->second, slice, file);
    }
  }
  for (const auto& [file, shard] : shards) {
    const WrittenFile written = write_safetensors(place.folder + "/" + file, shard.values, metadata);
    manifest.files.push_back({file, written.bytes, written.crc32c});
  }
  return manifest;
}

}  // namespace trireme
