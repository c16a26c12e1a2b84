// What one wants of a model that no rank has whole (ZeRO 3): the norm of its gradients, a parameter, an evaluation on
// all ranks, and a checkpoint, which is then loaded at the stage that the word says: 0, 1, 2 or 3.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <cmath>
#include <iostream>

torch::nn::Sequential make_model() {
  return torch::nn::Sequential(torch::nn::Linear(1, 64), torch::nn::Tanh(), torch::nn::Linear(64, 1));
}

// The mean over 64 points, of which every rank looks at some.
double evaluate(trireme::Parallel<torch::nn::Sequential>& parallel, trireme::TrainContext& context) {
  const torch::NoGradGuard no_grad;
  const auto x = torch::linspace(0, 6.28, 64).view({-1, 1}).tensor_split(context.world_size()).at(context.rank());
  double sum = torch::mse_loss(parallel(x), x.sin(), torch::Reduction::Sum).item<double>();
  context.communicator().all_reduce(trireme::collectives::view(&sum, 1))->wait();
  return sum / 64;
}

int main(int argc, char** argv) try {
  const std::string stage = argc > 1 ? argv[1] : "0";
  if (stage.size() != 1 || stage < "0" || stage > "3") {
    throw trireme::ConfigError("\"" + stage + "\" is no stage to load at; give 0, 1, 2 or 3.");
  }
  trireme::TrainContext context(argc, argv);
  trireme::Parallel<torch::nn::Sequential> parallel(
      make_model(), context, {.zero = trireme::Zero::kParameters, .sharing = trireme::Sharing::kOff});
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-2, .clip_norm = 1.0});
  parallel.write_parameters([](const std::string& name, at::Tensor& whole) {
    if (name == "2.bias") whole.zero_();
  });
  for (int step = 0; step < 400; ++step) {
    parallel.zero_grad();
    const auto x = torch::rand({32, 1}) * 6.28;
    parallel.backward(torch::mse_loss(parallel(x), x.sin()));
    optimizer.step();
  }
  // All of these are collective: every rank calls them, and gets the same.
  const auto norm = parallel.gradient_norm();
  const auto weight = parallel.whole_parameter(0);
  const auto trained = evaluate(parallel, context);
  trireme::Checkpoints checkpoints(context, "checkpoints-" + stage, {.keep = 1});
  const auto path = checkpoints.save(400, {&parallel, &optimizer});

  trireme::Parallel<torch::nn::Sequential> again(make_model(), context,
                                                 {.zero = static_cast<trireme::Zero>(stage[0] - '0')});
  trireme::AdamW goes_on(again, {.learning_rate = 1e-2});
  const auto steps = checkpoints.load(path, {&again, &goes_on});
  const auto loaded = evaluate(again, context);
  context.print("gradient norm " + std::to_string(norm) + ", norm of " + parallel.parameters()[0].name + " " +
                std::to_string(weight.norm().item<double>()));
  context.print("loss " + std::to_string(trained) + ", at step " + std::to_string(steps) + " of " + path +
                " with stage " + stage + " " + std::to_string(loaded));
  return trained < 0.1 && std::abs(loaded - trained) < 1e-6 && steps == 400 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "sharded_state: error: " << error.what() << '\n';
  return 1;
}
