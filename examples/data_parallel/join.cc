// Ranks with unlike numbers of batches: rank r has 100 + 10 r of them. Nobody waits for ever, and no sample is dropped.
#include <torch/torch.h>
#include <trireme/runtime.h>

int main(int argc, char** argv) {
  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential model(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context);
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-2, .clip_norm = 1.0});
  const int batches = 100 + 10 * context.rank();
  trireme::Join join(parallel);
  double last = 0;
  for (int batch = 0; join.next(batch < batches ? 32 : 0); ++batch) {
    at::Tensor loss;
    if (join.has_batch()) {
      const auto x = torch::rand({32, 1}) * 6.28;
      loss = torch::mse_loss(model->forward(x), x.sin());
    }
    last = join.backward(loss);  // the mean over all ranks' samples
    optimizer.step();
    parallel.zero_grad();
  }
  context.print("loss " + std::to_string(last));
  return last < 0.5 ? 0 : 1;
}
