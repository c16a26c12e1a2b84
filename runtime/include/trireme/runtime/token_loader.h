#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "trireme/runtime/batch.h"

// Batches of tokens out of memory-mapped files. runtime/src/data/README.md has the file formats.
namespace trireme {

namespace collectives {
class Communicator;
}
class TrainContext;

// A memory-mapped file of tokens: llm.c's and nanoGPT's uint16 .bin, or Trireme's byte-level file.
//
// Immutable; const calls are thread-safe. The constructor throws DataError naming the file, what was expected and what
// was found when the file is missing, empty, truncated, corrupt or of another kind.
class TokenFile {
 public:
  explicit TokenFile(const std::string& path);
  ~TokenFile();
  TokenFile(TokenFile&&) noexcept;
  TokenFile& operator=(TokenFile&&) noexcept;

  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] std::int64_t size() const noexcept;  // tokens
  // Every token is below it. 256 for byte-level files; 50257 (GPT-2's) for files that do not say.
  [[nodiscard]] std::int64_t vocabulary() const noexcept;
  // Copies tokens [first, first + out.size()). Throws DataError when one is outside the vocabulary.
  void read(std::int64_t first, std::span<std::int64_t> out) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct TokenLoaderOptions {
  std::int64_t global_batch = 32;  // windows per step over all ranks
  std::int64_t length = 128;       // tokens of a window
  std::uint64_t seed = 0;
  double validation_fraction = 0.1;  // the last part of the file by position
};

// Where this rank stands among the ranks that share the batches.
struct LoaderShare {
  int rank = 0;
  int world_size = 1;
};

// Training windows drawn from the first part of a token file, and validation windows that tile the last part.
//
// Batches are int64 [rows, length], on the context's device, else the CPU; targets[i][t] is the token after
// inputs[i][t]. The windows of a step follow from (seed, step) alone, so the global batch is the same at any world
// size; rank r gets a contiguous share of it, and shares differ by at most one row. A rank's share may be empty when
// there are more ranks than rows. Not thread-safe. Throws ConfigError for options that the file cannot serve.
class TokenLoader final : public BatchSource {
 public:
  TokenLoader(const TrainContext& context, const std::string& path, const TokenLoaderOptions& options);
  TokenLoader(const std::string& path, const TokenLoaderOptions& options, const LoaderShare& share);

  // This rank's rows of the batch at position(), which then moves on by one.
  [[nodiscard]] Batch next() override;
  // The batch that next() gives next; it counts steps. It is what checkpoints keep of a loader.
  [[nodiscard]] std::int64_t position() const noexcept { return position_; }
  void seek(std::int64_t position) noexcept { position_ = position; }

  [[nodiscard]] std::int64_t global_batch() const noexcept { return options_.global_batch; }
  [[nodiscard]] std::int64_t local_batch() const noexcept { return last_row_ - first_row_; }
  [[nodiscard]] std::int64_t length() const noexcept { return options_.length; }
  [[nodiscard]] std::int64_t vocabulary() const noexcept { return file_.vocabulary(); }
  [[nodiscard]] std::int64_t train_tokens() const noexcept { return validation_begin_; }
  // Tokens that are predicted in validation, over all ranks.
  [[nodiscard]] std::int64_t validation_tokens() const noexcept { return file_.size() - validation_begin_ - 1; }
  [[nodiscard]] const TokenLoaderOptions& options() const noexcept { return options_; }

  [[nodiscard]] std::vector<TensorSlice> tensor_slices() override { return {}; }
  [[nodiscard]] std::map<std::string, std::string> scalars() const override;
  // Goes on at the saved position. The seed comes from the options: another seed goes on with other windows.
  void load_scalars(const std::map<std::string, std::string>& scalars) override;

  // The validation part cut into windows of `length` tokens (the last may be shorter), every window on exactly one
  // rank, in batches of at most `rows` windows of equal length. samples and global_samples are the rows of the batch.
  [[nodiscard]] std::int64_t validation_batches(std::int64_t rows) const noexcept;
  [[nodiscard]] Batch validation_batch(std::int64_t index, std::int64_t rows) const;
  // A window that counts for nothing, for a pass that is only made because other ranks make it.
  [[nodiscard]] Batch spare_batch() const;

 private:
  [[nodiscard]] std::int64_t window_begin(std::int64_t position, std::int64_t row) const noexcept;
  [[nodiscard]] Batch gather(std::span<const std::int64_t> begins, std::int64_t length) const;

  TokenFile file_;
  TokenLoaderOptions options_;
  LoaderShare share_;
  c10::Device device_{c10::kCPU};
  std::int64_t validation_begin_ = 0;
  std::int64_t first_row_ = 0;
  std::int64_t last_row_ = 0;
  std::int64_t position_ = 0;
};

// Mean loss per token over the whole validation part, the same number on every rank. Collective.
// `mean_loss` gives the mean loss over the tokens of one batch; the caller switches the model to evaluation. It is
// called equally often on every rank, as Zero::kParameters needs: what a rank makes beyond its own batches does not
// count.
[[nodiscard]] double validation_loss(collectives::Communicator& communicator, const TokenLoader& loader,
                                     const std::function<double(const Batch&)>& mean_loss);

}  // namespace trireme
