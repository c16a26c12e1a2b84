// Two images a rank are too few for batch norm: its statistics are those of all ranks' images.
#include <torch/torch.h>
#include <trireme/runtime.h>

int main(int argc, char** argv) {
  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential plain(torch::nn::Conv2d(1, 4, 3), torch::nn::BatchNorm2d(4), torch::nn::ReLU(),
                              torch::nn::Flatten(), torch::nn::Linear(4 * 6 * 6, 2));
  // A communicator of its own, because gradients are reduced while the layers' statistics travel.
  auto model = trireme::with_sync_batch_norm(plain, context.communicator().split(0, context.rank()));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context, {.buffers = trireme::Buffers::kFromRankZero});
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-2});
  double sum = 0;
  for (int step = 0; step < 100; ++step) {
    const auto labels = torch::randint(2, {2}, torch::kLong);  // bright or dark
    const auto images = torch::randn({2, 1, 8, 8}) + labels.view({2, 1, 1, 1});
    const auto loss = torch::nn::functional::cross_entropy(parallel(images), labels);
    parallel.backward(loss);
    optimizer.step();
    parallel.zero_grad();
    if (step >= 80) sum += loss.item<double>() / 20;
  }
  context.print("loss " + std::to_string(sum));
  return sum < 0.6 ? 0 : 1;
}
