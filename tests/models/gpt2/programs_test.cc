// The programs as their users run them: prepare_text, train_gpt2, generate_gpt2.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "program_run.h"
#include "support/temporary_folder.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::run_program;

std::string repeated_text() {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "In the beginning was the word number " + std::to_string(i % 10) + ".\n";
  return text;
}

class Gpt2Programs : public testing::Test {
 protected:
  ProgramResult prepare(const std::string& source, const std::string& output) const {
    return run_program({TRIREME_PREPARE_TEXT, "--source", source, "--output", output});
  }
  std::string data() {
    if (data_.empty()) {
      data_ = (folder_ / "text.bin").string();
      EXPECT_EQ(prepare(folder_.write("text.txt", repeated_text()).string(), data_).exit_code, 0);
    }
    return data_;
  }
  ProgramResult train(std::vector<std::string> more) {
    std::vector<std::string> command{TRIREME_TRAIN_GPT2,
                                     "--data",
                                     data(),
                                     "--layers",
                                     "1",
                                     "--width",
                                     "32",
                                     "--heads",
                                     "2",
                                     "--length",
                                     "32",
                                     "--batch",
                                     "8",
                                     "--warmup",
                                     "5",
                                     "--learning-rate",
                                     "0.01"};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command);
  }
  std::string run_dir() const { return (folder_ / "run").string(); }

  test::TemporaryFolder folder_;
  std::string data_;
};

// One line of standard error begins with the program's name and "error:"; the others are its log.
void expect_error(const ProgramResult& result, const std::string& part) {
  EXPECT_EQ(result.exit_code, 2) << part << "\n" << result.errors;
  EXPECT_NE(result.errors.find(part), std::string::npos) << part << "\n" << result.errors;
  const std::size_t error = result.errors.find(": error: ");
  ASSERT_NE(error, std::string::npos) << result.errors;
  EXPECT_EQ(result.errors.find('\n', error), result.errors.size() - 1) << result.errors;
}

// Every file below `folder` with what is in it.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().string()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return files;
}

nlohmann::json summary_of(const ProgramResult& result) {
  std::string text = result.output;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return nlohmann::json::parse(text.substr(text.rfind('\n') + 1));
}

TEST_F(Gpt2Programs, TakesADeepSpeedConfigurationUnderTheCommandLine) {
  const auto config = folder_.write("ds.json", R"({"gradient_accumulation_steps": 2, "zero_optimization": {"stage": 1},
    "fp16": {"enabled": true}, "train_batch_size": 4, "my_own": 1})");
  const auto result = train({"--steps", "30", "--run-dir", run_dir(), "--deepspeed-config", config.string(),
                             "--precision", "bf16", "--json-summary"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  for (const char* part : {"mapped   zero_optimization.stage: 1", "ignored  my_own", "bf16 with fp32 masters"}) {
    EXPECT_NE(result.output.find(part), std::string::npos) << part << "\n" << result.output;
  }
  const auto summary = nlohmann::json::parse(result.output.substr(result.output.rfind("\n{") + 1));
  EXPECT_LT(summary.at("loss").get<double>(), 4) << "it began at ln 256";
  const auto bad = folder_.write("bad.json", R"({"zero_optimization": {"stage": 9}})");
  expect_error(train({"--run-dir", run_dir() + "2", "--deepspeed-config", bad.string()}),
               "zero_optimization.stage is 9");
}

TEST_F(Gpt2Programs, TrainResumeAndSample) {
  const auto first =
      train({"--steps", "40", "--run-dir", run_dir(), "--json-summary", "--checkpoint-every", "20", "--profile"});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  const auto summary = summary_of(first);
  EXPECT_EQ(summary["steps"], 40);
  for (const char* name : {"loss", "val_loss", "tokens_per_s", "step_ms", "exposed_comm_ms"}) {
    EXPECT_TRUE(summary.contains(name)) << name;
  }
  EXPECT_GT(summary["mfu"], 0);
  std::map<std::string, std::map<std::int64_t, int>> spans;  // how many of a name in each step
  const auto trace = nlohmann::json::parse(std::ifstream(run_dir() + "/trace.json"));
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") == "X" || event.at("ph") == "b") ++spans[event.at("name")][event.at("args").at("step")];
  }
  for (const char* name : {"batch", "forward", "backward", "agreement", "optimizer", "reduce bucket 0"}) {
    ASSERT_EQ(spans[name].size(), 10U) << name;
    EXPECT_EQ(spans[name].begin()->first, 3) << name;
    EXPECT_EQ(spans[name].begin()->second, 1) << name;
  }
  EXPECT_LT(summary["val_loss"], 4.0);  // it starts at ln 256 = 5.5
  EXPECT_NE(first.output.find("nats per byte"), std::string::npos);
  EXPECT_TRUE(fs::exists(run_dir() + "/metrics.jsonl"));
  EXPECT_TRUE(fs::exists(run_dir() + "/checkpoints/step-00000020/model.safetensors"));

  const auto more = train({"--steps", "80", "--run-dir", run_dir(), "--json-summary", "--resume"});
  ASSERT_EQ(more.exit_code, 0) << more.errors;
  EXPECT_EQ(summary_of(more)["steps"], 80);
  EXPECT_LT(summary_of(more)["val_loss"], summary["val_loss"]);

  const std::vector<std::string> generate{TRIREME_GENERATE_GPT2,
                                          "--checkpoint",
                                          run_dir() + "/checkpoints",
                                          "--prompt",
                                          "In the",
                                          "--tokens",
                                          "20",
                                          "--seed",
                                          "3"};
  const auto text = run_program(generate);
  ASSERT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_EQ(text.output.size(), 6U + 20 + 1);
  EXPECT_EQ(text.output.substr(0, 6), "In the");
  EXPECT_EQ(run_program(generate).output, text.output);
}

TEST_F(Gpt2Programs, ResumingGivesTheSameModelAsNotStopping) {
  const auto whole = train({"--steps", "12", "--run-dir", run_dir() + "-whole", "--json-summary"});
  ASSERT_EQ(whole.exit_code, 0) << whole.errors;
  // The schedule looks at --steps, so the first half is cut by its checkpoint rather than by another --steps.
  const auto first = train({"--steps", "12", "--run-dir", run_dir(), "--checkpoint-every", "6", "--json-summary"});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  fs::remove_all(run_dir() + "/checkpoints/step-00000012");
  const auto second = train({"--steps", "12", "--run-dir", run_dir(), "--resume", "--json-summary"});
  ASSERT_EQ(second.exit_code, 0) << second.errors;
  EXPECT_EQ(summary_of(second)["val_loss"], summary_of(whole)["val_loss"]);
}

TEST_F(Gpt2Programs, EndWhenTheTimeIsUp) {
  const auto result = train({"--minutes", "0.02", "--run-dir", run_dir(), "--json-summary"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_GT(summary_of(result)["steps"], 0);
  EXPECT_FALSE(fs::is_empty(run_dir() + "/checkpoints"));
}

TEST_F(Gpt2Programs, TellBadInputInOneLineWithExitCode2) {
  const std::string foreign = folder_.write("foreign.bin", "not tokens at all, just a line of text\n").string();
  const std::string cut = folder_.write("cut.bin", std::string("TRIM\1\0\0\0", 8)).string();
  folder_.write("in_the_way", "a file");
  const std::vector<std::vector<std::string>> commands{
      {TRIREME_TRAIN_GPT2},
      {TRIREME_TRAIN_GPT2, "--data", (folder_ / "none.bin").string()},
      {TRIREME_TRAIN_GPT2, "--data", foreign},
      {TRIREME_TRAIN_GPT2, "--data", cut},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--batch", "0"},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--frobnicate"},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--heads", "3", "--run-dir", run_dir()},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--length", "1000000", "--run-dir", run_dir()},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--resume"},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--resume", (folder_ / "none").string()},
      {TRIREME_TRAIN_GPT2, "--data", data(), "--run-dir", (folder_ / "in_the_way").string()},
      {TRIREME_GENERATE_GPT2},
      {TRIREME_GENERATE_GPT2, "--checkpoint", (folder_ / "none").string()},
      {TRIREME_GENERATE_GPT2, "--checkpoint", folder_.path().string()},
      {TRIREME_PREPARE_TEXT, "--source", (folder_ / "none.txt").string()},
  };
  const auto before = contents(folder_.path());
  for (const auto& command : commands) {
    const auto result = run_program(command);
    expect_error(result, "");
    EXPECT_EQ(result.output, "") << command.back();
  }
  EXPECT_EQ(contents(folder_.path()), before);
}

TEST_F(Gpt2Programs, TellHowFarATokenFileIsThere) {
  const auto whole = fs::file_size(data());
  fs::resize_file(data(), whole - 100);
  const auto before = contents(folder_.path());
  expect_error(train({"--steps", "2", "--run-dir", run_dir()}),
               "truncated: " + std::to_string(whole) + " bytes expected, " + std::to_string(whole - 100) + " found");
  EXPECT_EQ(contents(folder_.path()), before);
}

TEST_F(Gpt2Programs, LeaveACorruptCheckpointAsItIsAndNameIt) {
  ASSERT_EQ(train({"--steps", "4", "--checkpoint-every", "2", "--run-dir", run_dir()}).exit_code, 0);
  const fs::path newest = fs::path(run_dir()) / "checkpoints" / "step-00000004";
  fs::resize_file(newest / "model.safetensors", 100);
  const auto before = contents(run_dir() + "/checkpoints");
  expect_error(train({"--steps", "6", "--run-dir", run_dir(), "--resume", newest.string()}), "model.safetensors");
  EXPECT_EQ(contents(run_dir() + "/checkpoints"), before);

  // Asked for the newest, it goes on from the one before.
  const auto more = train({"--steps", "6", "--run-dir", run_dir(), "--resume", "--json-summary"});
  EXPECT_EQ(more.exit_code, 0) << more.errors;
  EXPECT_NE(more.errors.find("skipped checkpoint " + newest.string()), std::string::npos) << more.errors;
  EXPECT_EQ(summary_of(more)["steps"], 6);
}

TEST_F(Gpt2Programs, NameTheTornShardOfACheckpointThatWasAskedFor) {
  ASSERT_EQ(train({"--steps", "2", "--run-dir", run_dir()}).exit_code, 0);
  const std::string shard = run_dir() + "/checkpoints/step-00000002/model.safetensors";
  fs::resize_file(shard, fs::file_size(shard) / 2);
  const auto result = run_program({TRIREME_GENERATE_GPT2, "--checkpoint", run_dir() + "/checkpoints/step-00000002"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("model.safetensors: "), std::string::npos) << result.errors;
}

TEST_F(Gpt2Programs, DoNotMixANewRunWithAnOldOne) {
  ASSERT_EQ(train({"--steps", "2", "--run-dir", run_dir()}).exit_code, 0);
  const auto again = train({"--steps", "2", "--run-dir", run_dir()});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.errors.find("earlier run"), std::string::npos) << again.errors;
}

TEST_F(Gpt2Programs, PrepareTextOnlyWhenItChanged) {
  const std::string text = folder_.write("a.txt", repeated_text()).string();
  const std::string output = (folder_ / "a.bin").string();
  EXPECT_NE(prepare(text, output).output.find("wrote"), std::string::npos);
  const auto written = fs::last_write_time(output);
  EXPECT_NE(prepare(text, output).output.find("up to date"), std::string::npos);
  EXPECT_EQ(fs::last_write_time(output), written);
  folder_.write("a.txt", repeated_text() + "more");
  EXPECT_NE(prepare(text, output).output.find("wrote"), std::string::npos);
}

}  // namespace
}  // namespace trireme
