// Fits a small network to a sine curve in float32, bf16, fp16, or under autocast.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <iostream>
#include <map>
#include <optional>

int main(int argc, char** argv) try {
  const std::string mode = argc > 1 ? argv[1] : "bf16";
  const std::map<std::string, trireme::Precision> precisions{{"fp32", trireme::Precision::kFloat32},
                                                             {"autocast", trireme::Precision::kFloat32},
                                                             {"bf16", trireme::Precision::kBf16},
                                                             {"fp16", trireme::Precision::kFp16}};
  const auto precision = precisions.at(mode);

  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential model(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context,
                                                    {.zero = trireme::Zero::kOptimizer,  // shards the masters too
                                                     .precision = precision,
                                                     .reduce_dtype = trireme::Precision::kFloat32,
                                                     .throw_after_skips = 20});
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-2, .clip_norm = 1.0});

  double loss_value = 0;
  for (int step = 0; step < 400; ++step) {
    const at::Tensor x = torch::rand({64, 1}) * 6.28;
    at::Tensor output;
    {
      // Around the forward pass only.
      std::optional<trireme::Autocast> guard;
      if (mode == "autocast") guard.emplace(trireme::Precision::kBf16);
      output = parallel(x.to(trireme::dtype_of(precision)));
    }
    const at::Tensor loss = torch::mse_loss(output.to(torch::kFloat), x.sin());  // losses in float32
    parallel.backward(loss);
    const auto report = optimizer.step();
    if (report.skipped) context.print("step " + std::to_string(step) + " skipped: " + report.reason);
    parallel.zero_grad();
    loss_value = loss.item<double>();
  }
  context.print(mode + ": loss " + std::to_string(loss_value) + ", loss scale " +
                std::to_string(parallel.loss_scale()));
  return loss_value < 0.1 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "mixed_precision: error: " << error.what() << '\n';
  return 1;
}
