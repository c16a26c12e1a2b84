// Fits a curve with the optimizer named on the command line: sgd, adam, adamw, lion, lamb or muon.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <iostream>

namespace {

std::unique_ptr<trireme::Optimizer> make(const std::string& name, trireme::ParallelModule& parallel) {
  const auto schedule = [](double peak) {
    return trireme::warmup_stable_decay({.peak = peak, .warmup_steps = 20, .decay_steps = 150, .until = 400});
  };
  // The last layer learns at half the rate and is not decayed.
  const std::vector<trireme::ParameterGroup> groups{{.names = {"2.*"}, .rate_scale = 0.5, .weight_decay = 0}};
  if (name == "sgd") {
    return std::make_unique<trireme::Sgd>(
        parallel, trireme::SgdOptions{
                      .schedule = schedule(0.1), .momentum = 0.9, .nesterov = true, .clip_norm = 1, .groups = groups});
  }
  if (name == "adam") {
    return std::make_unique<trireme::Adam>(parallel,
                                           trireme::AdamOptions{.schedule = schedule(1e-2), .groups = groups});
  }
  if (name == "adamw") {
    return std::make_unique<trireme::AdamW>(parallel,
                                            trireme::AdamWOptions{.schedule = schedule(1e-2), .groups = groups});
  }
  if (name == "lion") {
    return std::make_unique<trireme::Lion>(parallel,
                                           trireme::LionOptions{.schedule = schedule(2e-3), .groups = groups});
  }
  if (name == "lamb") {
    return std::make_unique<trireme::Lamb>(parallel,
                                           trireme::LambOptions{.schedule = schedule(3e-2), .groups = groups});
  }
  if (name == "muon") {
    return std::make_unique<trireme::Muon>(
        parallel, trireme::MuonOptions{.schedule = schedule(0.02), .adamw_rate_scale = 0.5, .groups = groups});
  }
  throw trireme::ConfigError("There is no optimizer \"" + name + "\"; choose sgd, adam, adamw, lion, lamb or muon.");
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string name = argc > 1 ? argv[1] : "adamw";
  trireme::TrainContext context(argc, argv);
  torch::manual_seed(1);
  torch::nn::Sequential model(torch::nn::Linear(1, 32), torch::nn::Tanh(), torch::nn::Linear(32, 1));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context, {.zero = trireme::Zero::kOptimizer});
  const auto optimizer = make(name, parallel);
  trireme::Ema average(parallel, {.decay = 0.95});
  const auto x = torch::linspace(0, 6.28, 64).unsqueeze(1);
  const auto loss = [&] { return torch::mse_loss(model->forward(x), x.sin()); };
  for (int step = 0; step < 400; ++step) {
    parallel.zero_grad();
    parallel.backward(loss());
    optimizer->step();
    average.update();
  }
  const auto last = loss().item<double>();
  const auto swapped = average.swap_in();
  const auto averaged = loss().item<double>();
  context.print(name + ": loss " + std::to_string(last) + ", of the average " + std::to_string(averaged));
  return averaged < 0.1 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "optimizers: error: " << error.what() << '\n';
  return 1;
}
