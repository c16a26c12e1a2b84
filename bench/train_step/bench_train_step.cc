// One rank of Trireme in the train_step benchmark. Started by run.py, which gives every system the same weights and
// batches.
//
// Rank 0 prints one JSON line: {"step_ms": [...], "losses": [...], "pss_mib": ..., "all_ranks_pss_mib": ...,
// "parameters": ...}. The memory is taken after the last step, when every rank has finished it.
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "trireme/base/error.h"
#include "trireme/models/gpt2.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/as_buffer.h"
#include "trireme/runtime/deferred_init.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/safetensors.h"
#include "trireme/runtime/train_context.h"

namespace {

struct Options {
  trireme::Gpt2Config model{.vocabulary = 256};
  std::int64_t batch = 1;
  std::int64_t length = 64;
  int steps = 30;
  int warmup = 5;
  int zero = 0;
  bool shared = false;
  std::string data;
  std::string weights;
  std::string write_weights;
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("One rank of the train_step benchmark; scripts/bench train_step starts it");
  app.add_option("--layers", options.model.layers);
  app.add_option("--width", options.model.width);
  app.add_option("--heads", options.model.heads);
  app.add_option("--batch", options.batch, "Windows a rank");
  app.add_option("--length", options.length);
  app.add_option("--steps", options.steps);
  app.add_option("--warmup", options.warmup);
  app.add_option("--zero", options.zero, "ZeRO stage")->check(CLI::Range(0, 3));
  app.add_flag("--shared", options.shared, "Ranks share one copy of the parameters");
  app.add_option("--data", options.data, "int64 tokens of shape [steps, ranks, batch, length + 1]");
  app.add_option("--weights", options.weights, "Initial weights");
  app.add_option("--write-weights", options.write_weights, "Write initial weights to this file and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  options.model.positions = options.length;
  return options;
}

void write_weights(const trireme::Gpt2& model, const std::string& path) {
  std::vector<trireme::SafetensorsValue> values;
  for (const auto& item : model->named_parameters()) {
    const at::Tensor& tensor = item.value();
    values.push_back(
        {item.key(), "F32", tensor.sizes().vec(), {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()}});
  }
  trireme::write_safetensors(path, values);
}

void read_weights(trireme::Gpt2& model, const std::string& path) {
  const torch::NoGradGuard no_grad;
  const trireme::SafetensorsFile file(path);
  for (const auto& item : model->named_parameters()) {
    const auto bytes = file.values(*file.find(item.key()));
    item.value().copy_(torch::from_blob(const_cast<std::byte*>(bytes.data()), item.value().sizes(), torch::kFloat32));
  }
}

// This rank's window of a step: [batch, length + 1].
at::Tensor read_window(std::ifstream& data, const Options& options, const trireme::TrainContext& context, int step) {
  at::Tensor window = torch::empty({options.batch, options.length + 1}, torch::kInt64);
  const auto bytes = static_cast<std::int64_t>(window.nbytes());
  data.seekg((std::int64_t{step} * context.world_size() + context.rank()) * bytes);
  data.read(static_cast<char*>(window.data_ptr()), bytes);
  if (!data) throw trireme::DataError("the token file ends before step " + std::to_string(step));
  return window;
}

double mean_over_ranks(trireme::TrainContext& context, const at::Tensor& loss) {
  at::Tensor value = loss.detach().to(torch::kFloat64);
  if (context.world_size() > 1) context.communicator().all_reduce(trireme::as_buffer(value))->wait();
  return value.item<double>() / context.world_size();
}

// Memory that several processes map counts in part for each, so the sum over the ranks counts everything once.
double pss_mib() {
  std::ifstream lines("/proc/self/smaps_rollup");
  for (std::string word; lines >> word;) {
    double kib = 0;
    if (word == "Pss:" && lines >> kib) return kib / 1024;
  }
  return 0;
}

void run(const Options& options, trireme::TrainContext& context, trireme::Gpt2& model) {
  trireme::Parallel<trireme::Gpt2> parallel(
      model, context,
      {.zero = static_cast<trireme::Zero>(options.zero),
       .sharing = options.shared ? trireme::Sharing::kOn : trireme::Sharing::kOff});
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-3,
                                      .beta1 = 0.9,
                                      .beta2 = 0.95,
                                      .weight_decay = 0.1,
                                      .decay_vectors = true,
                                      .clip_norm = 1.0});
  std::ifstream data(options.data, std::ios::binary);
  std::vector<double> step_ms;
  std::vector<double> losses;
  for (int step = 0; step < options.warmup + options.steps; ++step) {
    const at::Tensor window = read_window(data, options, context, step);
    const auto start = std::chrono::steady_clock::now();
    parallel.zero_grad();
    const at::Tensor loss = parallel(window.slice(1, 0, options.length), window.slice(1, 1));
    parallel.backward(loss);
    optimizer.step();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    if (step >= options.warmup) step_ms.push_back(taken.count());
    losses.push_back(mean_over_ranks(context, loss));
  }
  context.communicator().barrier();
  at::Tensor all_pss = torch::full({1}, pss_mib(), torch::kFloat64);
  context.communicator().all_reduce(trireme::as_buffer(all_pss))->wait();
  std::int64_t elements = 0;
  for (const auto& parameter : parallel.parameters()) elements += parameter.tensor.numel();
  const nlohmann::json line = {{"step_ms", step_ms},
                               {"losses", losses},
                               {"pss_mib", pss_mib()},
                               {"all_ranks_pss_mib", all_pss.item<double>()},
                               {"parameters", elements}};
  context.print(line.dump());
}

}  // namespace

int main(int argc, char** argv) try {
  Options options = parse(argc, argv);
  torch::manual_seed(1);
  const auto build = [&] { return trireme::Gpt2(options.model); };
  if (!options.write_weights.empty()) {
    write_weights(build(), options.write_weights);
    return 0;
  }
  trireme::TrainContext context(argc, argv);
  trireme::Gpt2 model = options.weights.empty() ? trireme::deferred_init(build) : build();
  if (!options.weights.empty()) read_weights(model, options.weights);
  run(options, context, model);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "bench_train_step: error: " << error.what() << '\n';
  return 1;
}
