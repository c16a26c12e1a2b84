#include "trireme/runtime/muon.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "optim/adam_rule.h"
#include "optim/matrix_rounds.h"
#include "optim/orthogonalize.h"
#include "optim/require_option.h"
#include "optim/update_tensors.h"
#include "tensors/tensor_stream.h"
#include "trireme/runtime/as_buffer.h"

namespace trireme {
namespace {

void check(const MuonOptions& options) {
  require_option(options.momentum >= 0 && options.momentum < 1, "muon", "momentum", options.momentum, "in [0, 1)");
  require_option(options.iterations > 0, "muon", "iterations", options.iterations, "1 or more");
  require_option(options.adamw_rate_scale >= 0, "muon", "adamw_rate_scale", options.adamw_rate_scale, "0 or more");
  check(AdamRule{options.beta1, options.beta2, options.epsilon}, "muon");
}

class MuonUpdate final : public UpdateRule {
 public:
  MuonUpdate(ParallelModule& parallel, const MuonOptions& options)
      : parallel_(parallel), options_(options), adam_{options.beta1, options.beta2, options.epsilon} {
    check(options);
    choose_matrices();
    directions_.resize(parallel.parts().size());
  }

  [[nodiscard]] std::vector<std::string> state_names(const NamedParameter& parameter) const override {
    if (by_muon(parameter)) return {"momentum_buffer"};
    return {"exp_avg", "exp_avg_sq"};
  }

  void prepare(std::span<const PartUpdate> updates) override {
    for (const auto& update : updates) {
      if (is_matrix_[update.part->parameter]) take_momentum(update);
    }
    for (const auto& round : rounds_) orthogonalize_together(round);
  }

  void update(std::span<const PartUpdate> updates) override {
    for (const auto& update : updates) {
      is_matrix_[update.part->parameter] ? follow_direction(update) : follow_adam(update);
    }
  }

 private:
  [[nodiscard]] bool by_muon(const NamedParameter& parameter) const {
    const auto matches = [&](const std::string& pattern) { return matches_name(pattern, parameter.name); };
    return parameter.tensor.dim() == 2 && std::none_of(options_.by_adamw.begin(), options_.by_adamw.end(), matches);
  }

  void choose_matrices() {
    std::vector<ParameterShape> shapes;
    std::vector<std::int64_t> elements;
    const auto& parameters = parallel_.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      shapes.push_back({parameters[i].name, parameters[i].tensor.dim()});
      is_matrix_.push_back(by_muon(parameters[i]));
      if (!is_matrix_.back()) continue;
      matrices_.push_back(i);
      elements.push_back(parameters[i].tensor.numel());
    }
    for (const auto& pattern : options_.by_adamw) require_match(pattern, shapes);
    rounds_ = deal_matrices(elements, parallel_.context().world_size());
  }

  void take_momentum(const PartUpdate& given) {
    auto& direction = directions_[given.index] = at::empty_like(given.state[0]);
    const std::array<at::Tensor, 2> state{given.state[0], direction};
    auto update = given;
    update.state = state;
    update_parts(std::span<const PartUpdate>(&update, 1), [this](const PartUpdate& own) {
      const auto beta = static_cast<float>(options_.momentum);
      return MuonMomentum{.gradient_scale = static_cast<float>(own.gradient_scale),
                          .beta = beta,
                          .fresh = options_.nesterov ? 1 - beta : 0,
                          .kept = options_.nesterov ? beta : 1};
    });
  }

  // Directions of the round's matrices become orthogonal, on every rank that has parts of them. Collective.
  void orthogonalize_together(const MatrixRound& round) {
    auto& world = parallel_.context().communicator();
    const auto timeout = parallel_.options().timeout;
    const auto device = parallel_.parameters().front().tensor.device();
    const auto whole = at::zeros({round.elements * world.size()}, at::TensorOptions(device).dtype(at::kFloat));
    const auto own = whole.narrow(0, round.elements * world.rank(), round.elements);
    for (const auto& slice : parallel_.part_slices()) {
      if (slice.is_owner) fill(whole, round, slice);
    }
    wait_for(*world.reduce_scatter(as_buffer(whole), as_buffer(own), reduce_behind(whole, timeout)), whole);
    if (static_cast<std::size_t>(world.rank()) < round.matrices.size()) {
      const auto parameter = matrices_[round.matrices[static_cast<std::size_t>(world.rank())]];
      const auto& tensor = parallel_.parameters()[parameter].tensor;
      const auto flat = own.narrow(0, 0, tensor.numel());
      // A copy: the matrix product's bits may depend on how its memory is aligned.
      flat.copy_(orthogonalize(flat.view(tensor.sizes()).clone(), options_.iterations).view(-1));
    }
    wait_for(*world.all_gather(as_buffer(own), as_buffer(whole), move_behind(own, timeout)), whole);
    for (std::size_t i = 0; i < directions_.size(); ++i) {
      const auto place = place_of(round, i);
      if (place >= 0) directions_[i].copy_(whole.narrow(0, place, directions_[i].numel()));
    }
  }

  void fill(const at::Tensor& whole, const MatrixRound& round, const PartSlice& slice) const {
    const auto place = place_of(round, slice.part);
    if (place < 0) return;
    whole.narrow(0, place + slice.first, slice.elements)
        .copy_(directions_[slice.part].narrow(0, slice.first, slice.elements));
  }

  // Where the part's first element lies in the round's memory; negative when it lies in another round's, or nowhere.
  [[nodiscard]] std::int64_t place_of(const MatrixRound& round, std::size_t index) const {
    if (!directions_[index].defined()) return -1;
    const auto& part = parallel_.parts()[index];
    for (std::size_t i = 0; i < round.matrices.size(); ++i) {
      if (matrices_[round.matrices[i]] == part.parameter) {
        return round.elements * static_cast<std::int64_t>(i) + part.offset;
      }
    }
    return -1;
  }

  [[nodiscard]] double shape_factor(const at::Tensor& matrix) const {
    const auto rows = static_cast<double>(matrix.size(0));
    const auto columns = static_cast<double>(matrix.size(1));
    return options_.rate == MuonRate::kAspect ? std::sqrt(std::max(1.0, rows / columns))
                                              : 0.2 * std::sqrt(std::max(rows, columns));
  }

  void follow_direction(const PartUpdate& given) {
    const auto direction = std::move(directions_[given.index]);
    auto update = given;
    update.state = std::span<const at::Tensor>(&direction, 1);
    update_parts(std::span<const PartUpdate>(&update, 1), [this](const PartUpdate& own) {
      const auto factor = shape_factor(parallel_.parameters()[own.part->parameter].tensor);
      return DirectionStep{.keep = static_cast<float>(1 - own.learning_rate * own.weight_decay),
                           .rate = static_cast<float>(own.learning_rate * factor)};
    });
    directions_[given.index] = at::Tensor();
  }

  void follow_adam(const PartUpdate& given) const {
    auto update = given;
    update.learning_rate *= options_.adamw_rate_scale;
    update_by_adam(std::span<const PartUpdate>(&update, 1), adam_);
  }

  ParallelModule& parallel_;
  const MuonOptions options_;
  const AdamRule adam_;
  std::vector<bool> is_matrix_;         // by parameter: updated by Muon
  std::vector<std::size_t> matrices_;   // those parameters
  std::vector<MatrixRound> rounds_;     // of indices in matrices_
  std::vector<at::Tensor> directions_;  // by part, from prepare() to update()
};

}  // namespace

Muon::Muon(ParallelModule& parallel, const MuonOptions& options)
    : PartOptimizer(parallel, std::make_unique<MuonUpdate>(parallel, options), shared_options("muon", options)) {}

}  // namespace trireme
