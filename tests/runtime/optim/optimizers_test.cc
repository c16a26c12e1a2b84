#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "training/plain_net.h"
#include "training/thread_context.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/adam.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/lamb.h"
#include "trireme/runtime/lion.h"
#include "trireme/runtime/muon.h"
#include "trireme/runtime/sgd.h"

// Every optimizer against itself written out, at 1, 2 and 3 ranks and every ZeRO stage, shared and not.
namespace trireme::test {
namespace {

constexpr double kClipNorm = 50;  // some steps are clipped, some are not
constexpr float kRate = 0.01F;
constexpr float kDecay = 0.1F;

template <typename Chosen, typename Options>
MakeOptimizer making(const Options& options) {
  return [options](ParallelModule& parallel) { return std::make_unique<Chosen>(parallel, options); };
}

void expect_reference(const MakeOptimizer& make, const PlainUpdate& update, double tolerance) {
  for (const auto& trial : all_plain_trials()) {
    const auto expected = train_by_reference(trial, kClipNorm, update);
    for (const auto& result : train_plain_net(trial, make)) {
      EXPECT_LE(largest_difference(expected, result), tolerance) << describe(trial);
    }
  }
}

TEST(Optimizers, SgdIsPlainDescent) {
  expect_reference(making<Sgd>(SgdOptions{.learning_rate = kRate, .clip_norm = kClipNorm}),
                   by_element([](float& value, float g, float&, float&, int) { value -= kRate * g; }), 0);
}

TEST(Optimizers, SgdKeepsMomentumAndLooksAhead) {
  for (const bool nesterov : {false, true}) {
    const SgdOptions options{.learning_rate = kRate,
                             .momentum = 0.9,
                             .nesterov = nesterov,
                             .weight_decay = kDecay,
                             .decay_vectors = true,
                             .clip_norm = kClipNorm};
    const auto update = [nesterov](float& value, float gradient, float& buffer, float&, int) {
      const float g = gradient + kDecay * value;
      buffer = 0.9F * buffer + g;
      value -= kRate * (nesterov ? g + 0.9F * buffer : buffer);
    };
    expect_reference(making<Sgd>(options), by_element(update), 0);
  }
}

TEST(Optimizers, AdamAddsDecayToTheGradientAndAdamWShrinksTheValue) {
  const auto update = [](bool decoupled) {
    return by_element([decoupled](float& value, float gradient, float& m, float& v, int t) {
      const float g = decoupled ? gradient : gradient + kDecay * value;
      m = 0.9F * m + (1 - 0.9F) * g;
      v = 0.999F * v + (1 - 0.999F) * g * g;
      const double rate = static_cast<double>(kRate);
      const auto corrected = static_cast<float>(rate / (1 - std::pow(0.9, t)));
      const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(0.999, t)));
      const auto keep = static_cast<float>(decoupled ? 1 - rate * static_cast<double>(kDecay) : 1);
      value = keep * value - corrected * m / (std::sqrt(v) * root + 1e-8F);
    });
  };
  expect_reference(making<Adam>(AdamOptions{
                       .learning_rate = kRate, .weight_decay = kDecay, .decay_vectors = true, .clip_norm = kClipNorm}),
                   update(false), 0);
  expect_reference(making<AdamW>(AdamWOptions{
                       .learning_rate = kRate, .weight_decay = kDecay, .decay_vectors = true, .clip_norm = kClipNorm}),
                   update(true), 0);
}

TEST(Optimizers, LionMovesByTheSign) {
  const LionOptions options{
      .learning_rate = kRate, .weight_decay = kDecay, .decay_vectors = true, .clip_norm = kClipNorm};
  const auto update = [](float& value, float g, float& momentum, float&, int) {
    const float direction = 0.9F * momentum + (1 - 0.9F) * g;
    const float sign = direction > 0 ? 1.0F : (direction < 0 ? -1.0F : 0.0F);
    value = static_cast<float>(1 - static_cast<double>(kRate) * static_cast<double>(kDecay)) * value - kRate * sign;
    momentum = 0.99F * momentum + (1 - 0.99F) * g;
  };
  expect_reference(making<Lion>(options), by_element(update), 0);
}

TEST(Optimizers, LambScalesTheDirectionByTheLengthOfTheParameter) {
  const auto update = [](at::Tensor& value, const at::Tensor& gradient, PlainState& state) {
    state.first = 0.9 * state.first + 0.1 * gradient;
    state.second = 0.999 * state.second + 0.001 * gradient.square();
    const auto first = state.first / (1 - std::pow(0.9, state.count));
    const auto second = state.second / (1 - std::pow(0.999, state.count));
    const auto direction = first / (second.sqrt() + 1e-6) + kDecay * value;
    value -= kRate * value.norm() / direction.norm() * direction;
  };
  expect_reference(making<Lamb>(LambOptions{
                       .learning_rate = kRate, .weight_decay = kDecay, .decay_vectors = true, .clip_norm = kClipNorm}),
                   update, 1e-6);
}

// Written out with a singular value decomposition's worth of care: the quintic applied to the singular values.
at::Tensor plain_orthogonal(const at::Tensor& matrix) {
  const auto [u, s, vh] = at::linalg_svd(matrix.to(at::kDouble) / matrix.to(at::kDouble).norm(), false);
  auto values = s;
  for (int i = 0; i < 5; ++i) values = 3.4445 * values - 4.7750 * values.pow(3) + 2.0315 * values.pow(5);
  return at::mm(u * values, vh).to(at::kFloat);
}

TEST(Optimizers, MuonMovesMatricesAlongOrthogonalOnesAndTheRestByAdamW) {
  const auto adam = [](at::Tensor& value, const at::Tensor& gradient, PlainState& state) {
    state.first = 0.9 * state.first + 0.1 * gradient;
    state.second = 0.95 * state.second + 0.05 * gradient.square();
    const auto denominator = (state.second / (1 - std::pow(0.95, state.count))).sqrt() + 1e-8;
    value -= 0.5 * kRate * state.first / (1 - std::pow(0.9, state.count)) / denominator;
  };
  for (const auto rate : {MuonRate::kAspect, MuonRate::kMatchAdamW}) {
    const auto update = [&](at::Tensor& value, const at::Tensor& gradient, PlainState& state) {
      if (value.dim() != 2 || value.size(0) == 3) return adam(value, gradient, state);  // "wide" is left to AdamW
      state.first = 0.95 * state.first + 0.05 * gradient;
      const auto direction = plain_orthogonal(0.05 * gradient + 0.95 * state.first);
      value = (1 - kRate * kDecay) * value -
              kRate * (rate == MuonRate::kAspect ? std::sqrt(7.0 / 5) : 0.2 * std::sqrt(7.0)) * direction;
    };
    const MuonOptions options{.learning_rate = kRate,
                              .rate = rate,
                              .by_adamw = {"wide"},
                              .adamw_rate_scale = 0.5,
                              .weight_decay = kDecay,
                              .clip_norm = kClipNorm,
                              .groups = {{.names = {"wide"}, .weight_decay = 0}}};
    expect_reference(making<Muon>(options), update, 1e-4);
  }
}

TEST(Optimizers, TreatGroupsInTheirOwnWay) {
  const SgdOptions options{.learning_rate = 1, .groups = {{.names = {"t*"}, .rate_scale = 0}}};
  const auto before = train_plain_net({.steps = 0}, making<Sgd>(options)).front();
  const auto after = train_plain_net({.ranks = 2, .zero = Zero::kOptimizer}, making<Sgd>(options)).front();
  EXPECT_TRUE(at::equal(before.at("tall"), after.at("tall")));
  EXPECT_FALSE(at::equal(before.at("wide"), after.at("wide")));
}

TEST(Optimizers, RefuseOptionsOutOfRangeAndPatternsThatMatchNothing) {
  TrainContext context(one_node_environment(0, 1), collectives::make_single());
  Parallel parallel(std::make_shared<PlainNet>(), context);
  EXPECT_THROW(Sgd(parallel, {.momentum = 1}), ConfigError);
  EXPECT_THROW(Sgd(parallel, {.nesterov = true}), ConfigError);
  EXPECT_THROW(Adam(parallel, {.epsilon = 0}), ConfigError);
  EXPECT_THROW(Lion(parallel, {.beta1 = -0.1}), ConfigError);
  EXPECT_THROW(Lion(parallel, {.clip_norm = -1}), ConfigError);
  EXPECT_THROW(Lamb(parallel, {.beta2 = 1}), ConfigError);
  EXPECT_THROW(Muon(parallel, {.iterations = 0}), ConfigError);
  EXPECT_THROW(Muon(parallel, {.by_adamw = {"head.*"}}), ConfigError);
  EXPECT_THROW(AdamW(parallel, {.groups = {{.names = {"nothing.*"}}}}), ConfigError);
}

}  // namespace
}  // namespace trireme::test
