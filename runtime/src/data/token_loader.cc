#include "trireme/runtime/token_loader.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "trireme/base/check.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/train_context.h"

namespace trireme {
namespace {

constexpr const char* kPositionKey = "data.position";

// SplitMix64's finaliser: neighbouring inputs give unrelated outputs.
std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// First of `count` items of part `part` of `parts`; sizes differ by at most one, the larger ones come first.
std::int64_t part_begin(std::int64_t count, std::int64_t part, std::int64_t parts) noexcept {
  return part * (count / parts) + std::min(part, count % parts);
}

void check_options(const TokenLoaderOptions& options, const LoaderShare& share) {
  if (options.global_batch < 1) throw ConfigError(message("batch {}: at least 1 is needed", options.global_batch));
  if (options.length < 1) throw ConfigError(message("length {}: at least 1 is needed", options.length));
  if (!(options.validation_fraction > 0 && options.validation_fraction < 1)) {
    throw ConfigError(message("validation fraction {}: between 0 and 1 is needed", options.validation_fraction));
  }
  TRIREME_CHECK(share.rank >= 0 && share.rank < share.world_size, "rank {} of {}", share.rank, share.world_size);
}

}  // namespace

TokenLoader::TokenLoader(const TrainContext& context, const std::string& path, const TokenLoaderOptions& options)
    : TokenLoader(path, options, {context.rank(), context.world_size()}) {
  device_ = context.device();
}

TokenLoader::TokenLoader(const std::string& path, const TokenLoaderOptions& options, const LoaderShare& share)
    : file_(path), options_(options), share_(share) {
  check_options(options, share);
  const auto held_out = static_cast<std::int64_t>(static_cast<double>(file_.size()) * options.validation_fraction);
  validation_begin_ = file_.size() - held_out;
  if (validation_begin_ < options.length + 1 || held_out < 2) {
    throw ConfigError(message("{}: {} tokens are too few for windows of {} tokens beside a validation part of {}", path,
                              file_.size(), options.length, held_out));
  }
  first_row_ = part_begin(options.global_batch, share.rank, share.world_size);
  last_row_ = part_begin(options.global_batch, share.rank + 1, share.world_size);
}

Batch TokenLoader::next() {
  std::vector<std::int64_t> begins;
  for (std::int64_t row = first_row_; row < last_row_; ++row) begins.push_back(window_begin(position_, row));
  ++position_;
  Batch batch = gather(begins, options_.length);
  batch.global_samples = options_.global_batch;
  return batch;
}

std::map<std::string, std::string> TokenLoader::scalars() const { return {{kPositionKey, std::to_string(position_)}}; }

void TokenLoader::load_scalars(const std::map<std::string, std::string>& scalars) {
  const auto found = scalars.find(kPositionKey);
  if (found == scalars.end()) throw CheckpointError(message("the checkpoint has no '{}'", kPositionKey));
  const std::string& text = found->second;
  std::int64_t position = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error != std::errc() || end != text.data() + text.size() || position < 0) {
    throw CheckpointError(message("'{}' of the checkpoint is '{}', a step count was expected", kPositionKey, text));
  }
  position_ = position;
}

std::int64_t TokenLoader::window_begin(std::int64_t position, std::int64_t row) const noexcept {
  const auto index = static_cast<std::uint64_t>(position) * static_cast<std::uint64_t>(options_.global_batch) +
                     static_cast<std::uint64_t>(row);
  const auto choices = static_cast<std::uint64_t>(validation_begin_ - options_.length);
  return static_cast<std::int64_t>(mix(mix(options_.seed) ^ mix(index)) % choices);
}

Batch TokenLoader::gather(std::span<const std::int64_t> begins, std::int64_t length) const {
  const auto rows = static_cast<std::int64_t>(begins.size());
  const bool pinned = !device_.is_cpu();  // so that nobody waits for the copies to a GPU
  const auto tokens = [&] { return at::empty({rows, length}, at::TensorOptions(at::kLong).pinned_memory(pinned)); };
  Batch batch{tokens(), tokens(), rows, rows};
  std::vector<std::int64_t> window(static_cast<std::size_t>(length) + 1);
  for (std::int64_t row = 0; row < rows; ++row) {
    file_.read(begins[static_cast<std::size_t>(row)], window);
    std::copy(window.begin(), window.end() - 1, batch.inputs.mutable_data_ptr<std::int64_t>() + row * length);
    std::copy(window.begin() + 1, window.end(), batch.targets.mutable_data_ptr<std::int64_t>() + row * length);
  }
  batch.inputs = batch.inputs.to(device_, /*non_blocking=*/true);
  batch.targets = batch.targets.to(device_, /*non_blocking=*/true);
  return batch;
}

Batch TokenLoader::spare_batch() const { return gather(std::array<std::int64_t, 1>{0}, options_.length); }

// Full windows are dealt out in contiguous shares; the shorter last one, if any, is a batch of its own on the last
// rank.
std::int64_t TokenLoader::validation_batches(std::int64_t rows) const noexcept {
  const std::int64_t full = validation_tokens() / options_.length;
  const std::int64_t mine =
      part_begin(full, share_.rank + 1, share_.world_size) - part_begin(full, share_.rank, share_.world_size);
  const bool has_tail = share_.rank == share_.world_size - 1 && validation_tokens() % options_.length != 0;
  return (mine + rows - 1) / rows + (has_tail ? 1 : 0);
}

Batch TokenLoader::validation_batch(std::int64_t index, std::int64_t rows) const {
  TRIREME_CHECK(index >= 0 && index < validation_batches(rows), "batch {} of {}", index, validation_batches(rows));
  const std::int64_t full = validation_tokens() / options_.length;
  const std::int64_t last = part_begin(full, share_.rank + 1, share_.world_size);
  const std::int64_t first = part_begin(full, share_.rank, share_.world_size) + index * rows;
  std::vector<std::int64_t> begins;
  for (std::int64_t window = first; window < std::min(first + rows, last); ++window) {
    begins.push_back(validation_begin_ + window * options_.length);
  }
  if (!begins.empty()) return gather(begins, options_.length);
  const std::int64_t tail = validation_begin_ + full * options_.length;
  return gather(std::span(&tail, 1), validation_tokens() % options_.length);
}

}  // namespace trireme
