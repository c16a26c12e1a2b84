// Gradients travel as products of thin matrices (PowerSGD) from the tenth step on.
#include <torch/torch.h>
#include <trireme/runtime.h>

int main(int argc, char** argv) {
  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential model(torch::nn::Linear(1, 64), torch::nn::Tanh(), torch::nn::Linear(64, 64), torch::nn::Tanh(),
                              torch::nn::Linear(64, 1));
  const auto hook = trireme::make_power_sgd_hook({.rank = 2, .start_iter = 10});  // or make_bf16_hook(), or your own
  trireme::Parallel<torch::nn::Sequential> parallel(model, context, {.comm_hook = hook});
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-2, .clip_norm = 1.0});
  double last = 0;
  for (int step = 0; step < 300; ++step) {
    const auto x = torch::rand({64, 1}) * 6.28;
    const auto loss = torch::mse_loss(model->forward(x), x.sin());
    parallel.backward(loss);
    optimizer.step();
    parallel.zero_grad();
    last = loss.item<double>();
  }
  context.print("loss " + std::to_string(last));
  return last < 0.2 ? 0 : 1;
}
