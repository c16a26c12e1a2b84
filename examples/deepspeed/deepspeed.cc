// Trains as a DeepSpeed configuration says, and tells what of it has a counterpart here and what has none, and why.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <iostream>
#include <optional>

int main(int argc, char** argv) try {
  trireme::TrainContext context(argc, argv);
  const auto config = trireme::read_deepspeed_config(argc > 1 ? argv[1] : "ds_config.json", context.world_size());
  context.print(config.report());
  if (!config.global_batch || !config.optimizer || config.optimizer->type != "adamw") {
    throw trireme::ConfigError("This program wants a batch size and AdamW in the configuration.");
  }

  torch::nn::Sequential model(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context, config.parallel);
  trireme::AdamW optimizer(parallel, {.learning_rate = config.optimizer->learning_rate,
                                      .schedule = config.schedule,
                                      .beta1 = config.optimizer->beta1,
                                      .beta2 = config.optimizer->beta2,
                                      .epsilon = config.optimizer->epsilon,
                                      .weight_decay = config.optimizer->weight_decay,
                                      .clip_norm = config.clip_norm.value_or(0)});
  const auto passes = config.accumulation * context.world_size();
  const auto rows = *config.global_batch / passes;  // of a pass on a rank
  const auto dtype = trireme::dtype_of(config.parallel.precision);
  double last = 0;
  for (int step = 0; step < 400; ++step) {
    for (std::int64_t pass = 1; pass <= config.accumulation; ++pass) {
      std::optional<trireme::ParallelModule::NoSync> guard;
      if (pass < config.accumulation) guard.emplace(parallel);
      const auto x = torch::rand({rows, 1}) * 6.28;
      const auto loss = torch::mse_loss(parallel(x.to(dtype)).to(torch::kFloat), x.sin());
      parallel.backward(loss, 1.0 / static_cast<double>(passes));
      last = loss.item<double>();
    }
    optimizer.step();
    parallel.zero_grad();
  }
  context.print(parallel.describe() + ": loss " + std::to_string(last));
  return last < 0.1 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "deepspeed: error: " << error.what() << '\n';
  return 1;
}
