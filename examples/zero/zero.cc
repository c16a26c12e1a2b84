// Spreads the training state of a network as the word says: off, optimizer, gradients or parameters (ZeRO 0 to 3),
// shared (the ranks of a node have one copy of the parameters), node (every node has a set of all shards), or offload
// (gradients, and what the optimizer works on lies in host memory).
#include <torch/torch.h>
#include <trireme/runtime.h>
#include <trireme/runtime/unit.h>

#include <iostream>
#include <map>

struct BlockImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) { return x + shrink(torch::tanh(grow(x))); }
  torch::nn::Linear grow = register_module("grow", torch::nn::Linear(64, 256));
  torch::nn::Linear shrink = register_module("shrink", torch::nn::Linear(256, 64));
};
TORCH_MODULE(Block);

// With ZeRO 3 a unit is gathered while it computes; the last layer, which is in none, for the whole pass.
struct NetImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) {
    return last(second(first(torch::cat({x.sin(), x.cos()}, 1).repeat({1, 32}))));
  }
  trireme::Unit<Block> first = register_module("first", trireme::Unit<Block>());
  trireme::Unit<Block> second = register_module("second", trireme::Unit<Block>());
  torch::nn::Linear last = register_module("last", torch::nn::Linear(64, 1));
};
TORCH_MODULE(Net);

trireme::ParallelOptions options_of(const std::string& word) {
  using enum trireme::Zero;
  const auto alone = trireme::Sharing::kOff;
  const std::map<std::string, trireme::ParallelOptions> words{
      {"off", {}},
      {"optimizer", {.zero = kOptimizer, .sharing = alone}},
      {"gradients", {.zero = kGradients, .sharing = alone}},
      {"parameters", {.zero = kParameters, .sharing = alone}},
      {"shared", {.zero = kGradients}},  // Sharing::kAuto: where the backend can
      {"node", {.zero = kParameters, .sharing = alone, .shard_over = trireme::ShardOver::kNode}},
      {"offload", {.zero = kGradients, .sharing = alone, .offload = true}}};
  if (words.contains(word)) return words.at(word);
  throw trireme::ConfigError("\"" + word + "\" is not off, optimizer, gradients, parameters, shared, node or offload.");
}

int main(int argc, char** argv) try {
  trireme::TrainContext context(argc, argv);
  trireme::Parallel<Net> parallel(Net(), context, options_of(argc > 1 ? argv[1] : "parameters"));
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-3, .clip_norm = 1.0});
  double last = 0;
  for (int step = 0; step < 100; ++step) {
    const auto x = torch::rand({64, 1}) * 6.28;
    const auto loss = torch::mse_loss(parallel(x), (2 * x).sin());
    parallel.backward(loss);
    optimizer.step();
    parallel.zero_grad();
    last = loss.item<double>();
  }
  context.print(parallel.describe());
  trireme::ZeroMemoryInput input{.shards = context.world_size()};
  for (const auto& parameter : parallel.parameters()) input.elements += parameter.tensor.numel();
  context.print("KiB a rank by the formula, sharded over all:\nstage       parameters  gradients  moments");
  for (const auto stage : {0, 1, 2, 3}) {
    input.zero = static_cast<trireme::Zero>(stage);
    const auto [parameters, gradients, moments] = trireme::zero_memory(input);
    char line[80];
    std::snprintf(line, sizeof line, "%-10s %11.1f %10.1f %8.1f", trireme::to_string(input.zero),
                  static_cast<double>(parameters) / 1024, static_cast<double>(gradients) / 1024,
                  static_cast<double>(moments) / 1024);
    context.print(line);
  }
  context.print("loss " + std::to_string(last) + ", received " + std::to_string(parallel.gathered_bytes() / 1024) +
                " KiB of parameters");
  return last < 0.1 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "zero: error: " << error.what() << '\n';
  return 1;
}
