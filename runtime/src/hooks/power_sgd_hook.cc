#include <torch/torch.h>

#include <algorithm>
#include <map>

#include "parallel/flat_memory.h"
#include "tensors/tensor_stream.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/as_buffer.h"
#include "trireme/runtime/comm_hook.h"

namespace trireme {
namespace {

// Makes the columns orthonormal (Gram-Schmidt), in place. A column that depends on those before it becomes zero, and
// so adds nothing.
void orthogonalise(const at::Tensor& matrix) {
  for (std::int64_t column = 0; column < matrix.size(1); ++column) {
    const auto current = matrix.select(1, column);
    const auto before = current.norm();
    const auto earlier = matrix.narrow(1, 0, column);
    // Twice, because rounding leaves a part of the earlier columns the first time.
    for (int pass = 0; pass < 2 && column > 0; ++pass) current.sub_(at::mv(earlier, at::mv(earlier.t(), current)));
    const auto norm = current.norm();
    if (norm.item<double>() <= 1e-6 * before.item<double>()) {
      current.zero_();
    } else {
      current.div_(norm);
    }
  }
}

// A gradient seen as a matrix [rows, columns], and its thin factors.
struct Matrix {
  std::size_t parameter = 0;
  at::Tensor gradient;  // view of the bucket
  at::Tensor left;      // [rows, rank], view of communicator memory
  at::Tensor right;     // [columns, rank], likewise; its values start the next step's approximation
};

// One bucket's communicator memory: `first` is summed first and holds the exact gradients and the left factors.
struct Compressed {
  std::vector<Matrix> matrices;
  std::vector<std::pair<at::Tensor, at::Tensor>> exact;  // of the bucket, and its place in `first`
  at::Tensor first;
  at::Tensor rights;
};

class PowerSgdHook final : public CommHook {
 public:
  explicit PowerSgdHook(const PowerSgdOptions& options) : options_(options) {}

  void prepare(const std::vector<GradientBucket>& buckets, collectives::Communicator& world,
               collectives::Timeout timeout) override {
    world_ = &world;
    timeout_ = timeout;
    std::vector<FlatPiece> pieces;
    for (const auto& bucket : buckets) add_pieces(bucket, pieces);
    const auto memory = allocate_flat(world, pieces);
    compressed_.clear();
    for (const auto& bucket : buckets) {
      compressed_.push_back(lay_out(bucket, memory[2 * bucket.index], memory[2 * bucket.index + 1]));
    }
  }

  [[nodiscard]] collectives::WorkPtr start(const GradientBucket& bucket) override {
    if (bucket.index == 0) ++step_;
    if (is_exact()) return post(bucket.values);
    auto& compressed = compressed_[bucket.index];
    for (auto& matrix : compressed.matrices) {
      auto& error = errors_[matrix.parameter];
      if (error.defined()) matrix.gradient.add_(error);
      error = matrix.gradient.clone();
      at::mm_out(matrix.left, error, matrix.right);
    }
    for (const auto& [gradient, place] : compressed.exact) place.copy_(gradient);
    return post(compressed.first);
  }

  void finish(const GradientBucket& bucket) override {
    if (is_exact()) return;
    auto& compressed = compressed_[bucket.index];
    for (const auto& [gradient, place] : compressed.exact) gradient.copy_(place);
    if (compressed.matrices.empty()) return;
    for (auto& matrix : compressed.matrices) {
      orthogonalise(matrix.left);
      at::mm_out(matrix.right, errors_[matrix.parameter].t(), matrix.left);
    }
    wait_for(*post(compressed.rights), compressed.rights);
    for (auto& matrix : compressed.matrices) {
      at::mm_out(matrix.gradient, matrix.left, matrix.right.t());
      // The ranks' errors add up to what the sum lacks.
      errors_[matrix.parameter].sub_(matrix.gradient, 1.0 / world_->size());
    }
  }

 private:
  [[nodiscard]] bool is_exact() const noexcept { return step_ <= options_.start_iter; }
  [[nodiscard]] collectives::WorkPtr post(const at::Tensor& flat) const {
    return world_->all_reduce(as_buffer(flat), reduce_behind(flat, timeout_));
  }

  [[nodiscard]] bool is_compressed(const at::Tensor& gradient) const {
    if (gradient.dim() < 2 || (gradient.scalar_type() != at::kFloat && gradient.scalar_type() != at::kDouble)) {
      return false;
    }
    const auto thin = static_cast<double>((gradient.size(0) + columns(gradient)) * options_.rank);
    return thin * options_.min_compression_rate < static_cast<double>(gradient.numel());
  }
  static std::int64_t columns(const at::Tensor& gradient) { return gradient.numel() / gradient.size(0); }

  void add_pieces(const GradientBucket& bucket, std::vector<FlatPiece>& pieces) const {
    std::int64_t first = 0;
    std::int64_t rights = 0;
    for (const auto& [parameter, gradient] : bucket.gradients) {
      first += is_compressed(gradient) ? gradient.size(0) * options_.rank : gradient.numel();
      if (is_compressed(gradient)) rights += columns(gradient) * options_.rank;
    }
    pieces.push_back({first, bucket.values.scalar_type()});
    pieces.push_back({rights, bucket.values.scalar_type()});
  }

  Compressed lay_out(const GradientBucket& bucket, const at::Tensor& first, const at::Tensor& rights) {
    Compressed result{.matrices = {}, .exact = {}, .first = first, .rights = rights};
    std::int64_t at_first = 0;
    std::int64_t at_right = 0;
    const auto take = [](const at::Tensor& from, std::int64_t& offset, std::int64_t elements) {
      return from.narrow(0, std::exchange(offset, offset + elements), elements);
    };
    for (const auto& [parameter, gradient] : bucket.gradients) {
      if (!is_compressed(gradient)) {
        result.exact.emplace_back(gradient.view(-1), take(first, at_first, gradient.numel()));
        continue;
      }
      const auto rows = gradient.size(0);
      Matrix matrix{parameter, gradient.view({rows, columns(gradient)}),
                    take(first, at_first, rows * options_.rank).view({rows, options_.rank}),
                    take(rights, at_right, columns(gradient) * options_.rank).view({-1, options_.rank})};
      guess(matrix);
      result.matrices.push_back(std::move(matrix));
    }
    return result;
  }

  // The same on every rank, and for every layout of buckets.
  void guess(const Matrix& matrix) const {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(options_.seed + matrix.parameter);
    matrix.right.copy_(at::randn(matrix.right.sizes(), generator, matrix.right.options()));
    orthogonalise(matrix.right);
  }

  const PowerSgdOptions options_;
  collectives::Communicator* world_ = nullptr;
  collectives::Timeout timeout_{};
  std::vector<Compressed> compressed_;        // by bucket
  std::map<std::size_t, at::Tensor> errors_;  // by parameter, as matrices
  std::int64_t step_ = 0;
};

}  // namespace

std::shared_ptr<CommHook> make_power_sgd_hook(const PowerSgdOptions& options) {
  if (options.rank < 1) throw ConfigError(message("PowerSgdOptions::rank is {}; give 1 or more.", options.rank));
  if (options.start_iter < 1) {
    throw ConfigError(message("PowerSgdOptions::start_iter is {}; give 1 or more.", options.start_iter));
  }
  return std::make_shared<PowerSgdHook>(options);
}

}  // namespace trireme
