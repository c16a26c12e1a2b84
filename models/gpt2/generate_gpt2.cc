// Samples text from a checkpoint of train_gpt2. See README.md beside this file, or generate_gpt2 --help.
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "exit_codes.h"
#include "sampling.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/models/gpt2.h"
#include "trireme/runtime/checkpoint.h"

namespace trireme {
namespace {

constexpr const char* kProgram = "generate_gpt2";
constexpr std::int64_t kByteVocabulary = 256;

struct GenerateOptions {
  std::string checkpoint;
  std::string prompt = "In the beginning";
  SamplingOptions sampling;
};

void add_options(CLI::App& app, GenerateOptions& options) {
  app.footer(
      "Example:\n  generate_gpt2 --checkpoint runs/a/checkpoints --prompt \"And God said\" --tokens 300\n"
      "Exit codes: 0 done, 1 failed, 2 bad input.");
  app.add_option("--checkpoint", options.checkpoint, "a checkpoint, or a folder of them (then the newest)")->required();
  app.add_option("--prompt", options.prompt, "text to go on from")->capture_default_str();
  app.add_option("--tokens", options.sampling.tokens, "tokens to add")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--temperature", options.sampling.temperature, "0 always takes the likeliest token")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--top-k", options.sampling.top_k, "choose among this many; 0: among all")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--seed", options.sampling.seed, "the same seed gives the same text")->capture_default_str();
}

Gpt2 load_model(const SavedCheckpoint& checkpoint) {
  Gpt2Config config;
  try {
    config = Gpt2Config::from_metadata(checkpoint.metadata());
  } catch (const ConfigError& error) {
    throw ConfigError(message("{}: {}", checkpoint.path(), error.what()));
  }
  Gpt2 model(config);
  for (const auto& parameter : model->named_parameters()) {
    const at::Tensor& value = parameter.value();
    checkpoint.read({parameter.key(), value.sizes().vec(), 0, value.detach().view({-1}), false});
  }
  model->eval();
  return model;
}

int generate(const GenerateOptions& options) {
  Gpt2 model = load_model(open_checkpoint(options.checkpoint));
  if (model->config().vocabulary != kByteVocabulary) {
    throw ConfigError(message("{}: a model of bytes (vocabulary 256) is needed to write text, this one has {} tokens",
                              options.checkpoint, model->config().vocabulary));
  }
  if (options.prompt.empty()) throw ConfigError("--prompt: at least one character is needed");
  const std::string text = options.prompt + sample_bytes(model, options.prompt, options.sampling) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw DataError("cannot write to standard output");
  }
  return kExitDone;
}

int run(int argc, char** argv) {
  GenerateOptions options;
  CLI::App app("Samples text from a checkpoint of train_gpt2.", kProgram);
  add_options(app, options);
  try {
    app.parse(argc, argv);
    return generate(options);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: error: %s (see %s --help)\n", kProgram, error.what(), kProgram);
    return kExitBadInput;
  } catch (...) {
    return report_failure(kProgram);
  }
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) { return trireme::run(argc, argv); }
