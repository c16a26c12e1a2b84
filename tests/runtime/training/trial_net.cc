#include "training/trial_net.h"

#include <torch/torch.h>

#include "training/odd_net.h"
#include "trireme/base/error.h"

namespace trireme::test {
namespace {

constexpr std::int64_t kTokens = TrialNet::kTokens;

at::Tensor loss_of(const at::Tensor& logits, const at::Tensor& targets) {
  return at::cross_entropy_loss(logits.reshape({-1, kTokens}).to(at::kFloat), targets.reshape({-1}));
}

class PlainTokens final : public TrialNet {
 public:
  PlainTokens() { fill_parameters(*this); }
  at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets, bool /*uses_gate*/) override {
    return loss_of(out_(at::relu(disturbed(hidden_(embedding_(inputs))))), targets);
  }

 private:
  torch::nn::Embedding embedding_ = register_module("embedding", torch::nn::Embedding(kTokens, 5));
  torch::nn::Linear hidden_ = register_module("hidden", torch::nn::Linear(5, 9));
  torch::nn::Linear out_ = register_module("out", torch::nn::Linear(9, kTokens));
};

class RecurrentTokens final : public TrialNet {
 public:
  RecurrentTokens() { fill_parameters(*this); }
  at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets, bool /*uses_gate*/) override {
    const auto x = embedding_(inputs);
    auto state = at::zeros_like(x.select(1, 0));
    std::vector<at::Tensor> states;
    for (std::int64_t i = 0; i < x.size(1); ++i) {
      state = at::tanh(cell_(state + x.select(1, i)));
      states.push_back(state);
    }
    return loss_of(out_(disturbed(at::stack(states, 1))), targets);
  }

 private:
  torch::nn::Embedding embedding_ = register_module("embedding", torch::nn::Embedding(kTokens, 7));
  Unit<OddBlock> cell_ = register_module("cell", Unit<OddBlock>(7, 5));
  torch::nn::Linear out_ = register_module("out", torch::nn::Linear(7, kTokens));
};

class ConvolvedTokens final : public TrialNet {
 public:
  ConvolvedTokens() { fill_parameters(*this); }
  at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets, bool /*uses_gate*/) override {
    const auto x = disturbed(convolution_(embedding_(inputs).transpose(1, 2)));
    return loss_of(out_(at::relu(norm_(x)).transpose(1, 2)), targets);
  }

 private:
  torch::nn::Embedding embedding_ = register_module("embedding", torch::nn::Embedding(kTokens, 7));
  torch::nn::Conv1d convolution_ =
      register_module("convolution", torch::nn::Conv1d(torch::nn::Conv1dOptions(7, 11, 3).padding(1)));
  torch::nn::BatchNorm1d norm_ = register_module("norm", torch::nn::BatchNorm1d(11));
  torch::nn::Linear out_ = register_module("out", torch::nn::Linear(11, kTokens));
};

}  // namespace

at::Tensor TrialNet::disturbed(const at::Tensor& x) const {
  if (!disturb) return x;
  disturb();
  if (x.requires_grad()) x.register_hook([interrupt = disturb](const at::Tensor&) { interrupt(); });
  return x;
}

const char* to_string(Net net) {
  switch (net) {
    case Net::kOdd:
      return "odd";
    case Net::kPlain:
      return "plain";
    case Net::kRecurrent:
      return "recurrent";
    case Net::kBatchNorm:
      return "batch_norm";
  }
  throw Error("no such net");
}

std::shared_ptr<TrialNet> make_net(Net net) {
  switch (net) {
    case Net::kOdd:
      return std::make_shared<OddNet>();
    case Net::kPlain:
      return std::make_shared<PlainTokens>();
    case Net::kRecurrent:
      return std::make_shared<RecurrentTokens>();
    case Net::kBatchNorm:
      return std::make_shared<ConvolvedTokens>();
  }
  throw Error("no such net");
}

void fill_parameters(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  double seed = 1;
  for (auto& parameter : module.parameters()) {
    parameter.copy_((at::arange(parameter.numel(), at::kFloat) * 0.7 + seed++).sin().mul(0.5).view(parameter.sizes()));
  }
}

}  // namespace trireme::test
