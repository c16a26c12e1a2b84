#include "trireme/runtime/ema.h"

#include <torch/torch.h>

#include <algorithm>

#include "kernels/update_kernels.h"
#include "optim/read_count.h"
#include "optim/update_tensors.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr const char* kUpdatesKey = "ema.updates";

}  // namespace

struct Ema::State {
  State(ParallelModule& wrapped, EmaOptions wishes) : parallel(wrapped), options(wishes) {
    if (!(options.decay >= 0 && options.decay < 1)) {
      throw ConfigError(message("Ema: decay is {}, but must be in [0, 1).", options.decay));
    }
    for (const auto& part : parallel.parts()) averages.push_back(part.values.to(at::kFloat, false, true));
  }

  void require_own_parameters(const char* what) const {
    if (is_swapped) throw Error(message("{} while averages are swapped in; end Ema::Swapped's life first.", what));
  }
  // Collective.
  void swap() {
    parallel.write_parts([this](std::size_t part) {
      auto& values = parallel.parts()[part].values;
      const auto own = values.clone();
      values.copy_(averages[part]);
      averages[part].copy_(own);
    });
    is_swapped = !is_swapped;
  }

  ParallelModule& parallel;
  const EmaOptions options;
  std::vector<at::Tensor> averages;  // by part; while swapped in, the parameters
  std::int64_t updates = 0;
  bool is_swapped = false;
};

Ema::Ema(ParallelModule& parallel, EmaOptions options) : state_(std::make_unique<State>(parallel, options)) {}
Ema::~Ema() = default;

void Ema::update() {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  state.require_own_parameters("Ema::update() was called");
  const auto count = static_cast<double>(state.updates++);
  const double decay =
      state.options.warms_up ? std::min(state.options.decay, (1 + count) / (10 + count)) : state.options.decay;
  const AverageStep step{.decay = static_cast<float>(decay), .fresh = static_cast<float>(1 - decay)};
  for (std::size_t i = 0; i < state.averages.size(); ++i) {
    at::Tensor none;
    const auto& values = state.parallel.parts()[i].values;
    const std::vector<SegmentUpdate<AverageStep>> segments{
        {segment_of(state.averages[i], none, std::span<const at::Tensor>(&values, 1)), step}};
    detail::update_segments<AverageStep>(segments, values);
  }
}

std::int64_t Ema::updates() const noexcept { return state_->updates; }

Ema::Swapped::Swapped(Ema& ema) : ema_(ema) {
  ema.state_->require_own_parameters("Ema::swap_in() was called");
  ema.state_->swap();
}

Ema::Swapped::~Swapped() {
  try {
    ema_.state_->swap();
  } catch (const CommError&) {
    // The communicator is dead, which every later call says.
  }
}

std::vector<TensorSlice> Ema::tensor_slices() {
  state_->require_own_parameters("A checkpoint was taken");
  std::vector<TensorSlice> slices;
  for (const auto& [index, first, elements, is_owner] : state_->parallel.part_slices()) {
    const auto& part = state_->parallel.parts()[index];
    const auto& [name, tensor] = state_->parallel.parameters()[part.parameter];
    slices.push_back({"ema." + name, tensor.sizes().vec(), part.offset + first,
                      state_->averages[index].narrow(0, first, elements), is_owner});
  }
  return slices;
}

std::map<std::string, std::string> Ema::scalars() const { return {{kUpdatesKey, std::to_string(state_->updates)}}; }

void Ema::load_scalars(const std::map<std::string, std::string>& scalars) {
  state_->updates = read_count(scalars, kUpdatesKey);
}

}  // namespace trireme
