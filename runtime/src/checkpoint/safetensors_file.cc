#include <algorithm>
#include <utility>

#include "data/durable_file.h"
#include "data/mapped_file.h"
#include "trireme/base/check.h"
#include "trireme/runtime/safetensors.h"

namespace trireme {

struct SafetensorsFile::State {
  std::string path;
  MappedFile file;
  SafetensorsHeader header;
};

SafetensorsFile::SafetensorsFile(const std::string& path) {
  MappedFile file(path);
  SafetensorsHeader header = parse_safetensors_header(file.bytes(), file.bytes().size(), path);
  state_ = std::make_unique<State>(State{path, std::move(file), std::move(header)});
}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

const std::string& SafetensorsFile::path() const noexcept { return state_->path; }
const SafetensorsHeader& SafetensorsFile::header() const noexcept { return state_->header; }

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto& entries = state_->header.entries;
  const auto found = std::ranges::find(entries, name, &SafetensorsEntry::name);
  return found == entries.end() ? nullptr : &*found;
}

std::span<const std::byte> SafetensorsFile::values(const SafetensorsEntry& entry) const {
  const auto data = state_->file.bytes().subspan(state_->header.data_begin);
  TRIREME_CHECK(entry.begin <= entry.end && entry.end <= data.size(), "tensor '{}' is not of {}", entry.name, path());
  return data.subspan(entry.begin, entry.end - entry.begin);
}

WrittenFile write_safetensors(const std::string& path, std::span<const SafetensorsValue> tensors,
                              const std::map<std::string, std::string>& metadata) {
  for (const SafetensorsValue& tensor : tensors) {
    std::uint64_t bytes = safetensors_element_bytes(tensor.dtype);
    for (const std::int64_t extent : tensor.shape) bytes *= static_cast<std::uint64_t>(extent);
    TRIREME_CHECK(bytes == tensor.values.size(), "tensor '{}' has {} bytes, its shape asks for {}", tensor.name,
                  tensor.values.size(), bytes);
  }
  DurableFile file(path);
  const std::string header = encode_safetensors_header(tensors, metadata);
  file.append(std::as_bytes(std::span(header)));
  for (const SafetensorsValue& tensor : tensors) file.append(tensor.values);
  file.commit();
  return {file.bytes(), file.crc()};
}

}  // namespace trireme
