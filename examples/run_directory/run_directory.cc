// Leaves a directory that says how training went: metrics.jsonl, TensorBoard events, and a trace of some steps.
#include <torch/torch.h>
#include <trireme/runtime.h>

#include <iostream>
#include <optional>

// Bright images and dark ones; every rank makes its rows of a global batch.
class Images : public trireme::BatchSource {
 public:
  explicit Images(int ranks) : ranks_(ranks) {}
  trireme::Batch next() override {
    const auto labels = torch::randint(2, {32}, torch::kLong);
    return {torch::randn({32, 64}) + labels.view({-1, 1}), labels, labels.numel(), labels.numel() * ranks_};
  }
  std::vector<trireme::TensorSlice> tensor_slices() override { return {}; }
  std::map<std::string, std::string> scalars() const override { return {}; }
  void load_scalars(const std::map<std::string, std::string>&) override {}

 private:
  int ranks_;
};

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "run";
  trireme::TrainContext context(argc, argv);
  torch::nn::Sequential model(torch::nn::Linear(64, 256), torch::nn::ReLU(), torch::nn::Linear(256, 2));
  trireme::Parallel<torch::nn::Sequential> parallel(model, context);
  trireme::AdamW optimizer(parallel, {.learning_rate = 1e-3, .clip_norm = 1.0});
  Images images(context.world_size());
  std::optional<trireme::MetricsWriter> writer;
  if (context.is_main()) writer.emplace(folder);
  trireme::Timeline timeline({.skip = 5, .steps = 10});
  double flops = 0;  // of an image: each weight multiplies and adds once forward, twice backward
  for (const auto& parameter : parallel.parameters()) flops += 6.0 * static_cast<double>(parameter.tensor.numel());
  auto steps = trireme::steps(context, parallel, optimizer, images,
                              {.until = 100,
                               .flops_per_token = flops,
                               .peak_flops = trireme::measure_peak_flops(context.communicator()),
                               .timeline = &timeline});
  for (auto& step : steps) {
    step.backward(torch::nn::functional::cross_entropy(parallel(step.batch().inputs), step.batch().targets));
    const auto& report = step.update();  // of all ranks, so one writes it
    if (!writer) continue;
    writer->write(report.step, {{"loss", report.loss},
                                {"gradient_norm", report.gradient_norm},
                                {"samples_per_s", report.samples_per_s},
                                {"mfu", report.mfu},
                                {"exposed_comm_ms", report.exposed_comm_ms},
                                {"straggler_ms", report.straggler_ms}});
  }
  timeline.write(folder + "/trace.json", context.communicator());  // ui.perfetto.dev, scripts/plot_timeline
  context.print("loss " + std::to_string(steps.last().loss) + ", see " + folder);
  return steps.last().loss < 0.2 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "run_directory: error: " << error.what() << '\n';
  return 1;
}
