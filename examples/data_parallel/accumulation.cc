// Four small batches a step: gradients add up on each rank, and ranks talk once.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <optional>

int main(int argc, char** argv) {
  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential model(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context);
  torch::optim::Adam optimizer(model->parameters(), 1e-2);  // LibTorch's own works as well
  constexpr int kPasses = 4;
  double last = 0;
  for (int step = 0; step < 200; ++step) {
    optimizer.zero_grad();
    for (int pass = 0; pass < kPasses; ++pass) {
      std::optional<trireme::ParallelModule::NoSync> guard;
      if (pass + 1 < kPasses) guard.emplace(parallel);  // the last pass reduces the sum
      const auto x = torch::rand({16, 1}) * 6.28;
      const auto loss = torch::mse_loss(model->forward(x), x.sin());
      parallel.backward(loss, 1.0 / (kPasses * context.world_size()));
      last = loss.item<double>();
    }
    optimizer.step();
  }
  context.print("loss " + std::to_string(last));
  return last < 0.2 ? 0 : 1;
}
