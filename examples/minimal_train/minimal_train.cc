// Fits a small network to a sine curve on as many ranks as it is started with.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <iostream>

// Batches made on the spot: rank r gets its share of 64 points a step.
class SinePoints : public trireme::BatchSource {
 public:
  explicit SinePoints(const trireme::TrainContext& context) : rows_(64 / context.world_size()) {}
  trireme::Batch next() override {
    const at::Tensor x = torch::rand({rows_, 1}) * 6.28;
    return {.inputs = x, .targets = x.sin(), .samples = rows_, .global_samples = 64};
  }
  std::vector<trireme::TensorSlice> tensor_slices() override { return {}; }
  std::map<std::string, std::string> scalars() const override { return {}; }
  void load_scalars(const std::map<std::string, std::string>&) override {}

 private:
  std::int64_t rows_;
};

int main(int argc, char** argv) try {
  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential model(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context);
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-2, .clip_norm = 1.0});
  SinePoints batches(context);
  auto steps = trireme::steps(context, parallel, optimizer, batches, {.until = 400});
  for (auto& step : steps) {
    auto loss = torch::mse_loss(model->forward(step.batch().inputs), step.batch().targets);
    step.backward(loss);
    step.update();
  }
  context.print("trained on " + std::to_string(context.world_size()) + " ranks, loss " +
                std::to_string(steps.last().loss));
  return steps.last().loss < 0.1 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "minimal_train: error: " << error.what() << '\n';
  return 1;
}
