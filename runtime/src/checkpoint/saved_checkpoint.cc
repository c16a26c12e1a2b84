#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "checkpoint/checkpoint_index.h"
#include "checkpoint/tensor_dtype.h"
#include "data/checksum.h"
#include "data/mapped_file.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/checkpoint.h"
#include "trireme/runtime/safetensors.h"

namespace trireme {
namespace {

CheckpointIndex read_index(const std::string& path) {
  const std::string file = path + "/" + kIndexFile;
  const MappedFile mapped(file);
  return parse_index({reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()}, file);
}

void check_size(const std::string& path, const IndexedFile& file) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path + "/" + file.name, error);
  if (error) throw CheckpointError(message("{}/{}: {}", path, file.name, error.message()));
  if (bytes != file.bytes) {
    throw CheckpointError(message("{}/{}: {} bytes expected, {} found", path, file.name, file.bytes, bytes));
  }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

// Copies raw elements of `dtype` into a 1-D view, converting where dtype or device differ.
void copy_elements(const at::Tensor& target, std::span<const std::byte> source, c10::ScalarType dtype) {
  if (target.device().is_cpu() && target.scalar_type() == dtype && target.is_contiguous()) {
    std::memcpy(target.mutable_data_ptr(), source.data(), source.size());
    return;
  }
  const at::Tensor host = at::empty({target.numel()}, dtype);
  std::memcpy(host.mutable_data_ptr(), source.data(), source.size());
  target.copy_(host);
}

}  // namespace

struct SavedCheckpoint::State {
  std::string path;
  CheckpointIndex index;
  std::map<std::string, SafetensorsFile> files;
};

SavedCheckpoint::SavedCheckpoint(const std::string& path) {
  try {
    CheckpointIndex index = read_index(path);
    std::map<std::string, SafetensorsFile> files;
    for (const IndexedFile& file : index.files) {
      check_size(path, file);
      files.emplace(file.name, SafetensorsFile(path + "/" + file.name));
    }
    state_ = std::make_unique<State>(State{path, std::move(index), std::move(files)});
  } catch (const CheckpointError&) {
    throw;
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}
SavedCheckpoint::~SavedCheckpoint() = default;
SavedCheckpoint::SavedCheckpoint(SavedCheckpoint&&) noexcept = default;
SavedCheckpoint& SavedCheckpoint::operator=(SavedCheckpoint&&) noexcept = default;

void SavedCheckpoint::verify() const {
  for (const IndexedFile& file : state_->index.files) {
    const std::string path = state_->path + "/" + file.name;
    const MappedFile mapped(path);
    if (crc32c(mapped.bytes()) != file.crc32c) {
      throw CheckpointError(message("{}: its checksum does not match: it changed after it was saved", path));
    }
  }
}

const std::string& SavedCheckpoint::path() const noexcept { return state_->path; }
std::int64_t SavedCheckpoint::step() const noexcept { return state_->index.step; }
int SavedCheckpoint::world_size() const noexcept { return state_->index.world_size; }
const std::map<std::string, std::string>& SavedCheckpoint::scalars() const noexcept { return state_->index.scalars; }
const std::map<std::string, std::string>& SavedCheckpoint::metadata() const noexcept { return state_->index.metadata; }

std::vector<std::string> SavedCheckpoint::tensor_names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_->index.tensors) names.push_back(name);
  return names;
}

void SavedCheckpoint::read(const TensorSlice& slice) const {
  const auto found = state_->index.tensors.find(slice.name);
  if (found == state_->index.tensors.end()) {
    throw CheckpointError(message("{}: it has no tensor '{}': it is of another model", path(), slice.name));
  }
  const IndexedTensor& tensor = found->second;
  if (tensor.shape != slice.global_shape) {
    throw CheckpointError(message("{}: tensor '{}' has shape {}, the model expects {}", path(), slice.name,
                                  shape_text(tensor.shape), shape_text(slice.global_shape)));
  }
  const c10::NoGradGuard no_grad;
  const c10::ScalarType dtype = scalar_type(tensor.dtype);
  const std::size_t width = safetensors_element_bytes(tensor.dtype);
  const std::int64_t wanted_end = slice.offset + slice.values.numel();
  for (const IndexedSlice& saved : tensor.slices) {
    const std::int64_t begin = std::max(slice.offset, saved.offset);
    const std::int64_t end = std::min(wanted_end, saved.offset + saved.count);
    if (begin >= end) continue;
    const SafetensorsFile& file = state_->files.at(saved.file);
    const SafetensorsEntry* entry = file.find(saved.key);
    if (entry == nullptr || entry->dtype != tensor.dtype ||
        entry->end - entry->begin != static_cast<std::uint64_t>(saved.count) * width) {
      throw CheckpointError(message("{}: tensor '{}' is not as the index says", file.path(), saved.key));
    }
    const auto bytes = file.values(*entry).subspan(static_cast<std::size_t>(begin - saved.offset) * width,
                                                   static_cast<std::size_t>(end - begin) * width);
    copy_elements(slice.values.slice(0, begin - slice.offset, end - slice.offset), bytes, dtype);
  }
}

}  // namespace trireme
