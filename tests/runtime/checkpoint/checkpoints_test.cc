#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fake_source.h"
#include "support/temporary_folder.h"
#include "support/thread_ranks.h"
#include "trireme/base/error.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/checkpoint.h"
#include "trireme/runtime/safetensors.h"

namespace trireme {
namespace {

using test::FakeSource;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

void save_with(int size, const std::string& folder, std::int64_t step) {
  test::run_thread_ranks(size, [&](const test::ThreadRank& rank) {
    const auto communicator = collectives::make_shm(rank.store, {.rank = rank.rank, .size = rank.size});
    Checkpoints checkpoints(*communicator, folder, {});
    FakeSource source(rank.rank, rank.size);
    checkpoints.save(step, {&source});
  });
}

class CheckpointsTest : public testing::Test {
 protected:
  test::TemporaryFolder root_;
  std::string folder_ = (root_ / "checkpoints").string();
  std::unique_ptr<collectives::Communicator> alone_ = collectives::make_single();
};

TEST_F(CheckpointsTest, LoadAtAnyWorldSize) {
  save_with(3, folder_, 40);
  for (const int size : {1, 2, 3, 4}) {
    test::run_thread_ranks(size, [&](const test::ThreadRank& rank) {
      const auto communicator = collectives::make_shm(rank.store, {.rank = rank.rank, .size = rank.size});
      Checkpoints checkpoints(*communicator, folder_, {.resume = true});
      FakeSource source(rank.rank, rank.size);
      source.clear();
      EXPECT_EQ(checkpoints.restore({&source}), 40);
      EXPECT_TRUE(source.holds_what_was_saved()) << rank.rank << " of " << rank.size;
    });
  }
}

TEST_F(CheckpointsTest, NameShardsAndTensorsAsHuggingFaceDoes) {
  save_with(3, folder_, 40);
  EXPECT_EQ(names_in(folder_ + "/step-00000040"),
            (std::vector<std::string>{"index.json", "model-00001-of-00003.safetensors",
                                      "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"}));
  const SafetensorsFile shard(folder_ + "/step-00000040/model-00001-of-00003.safetensors");
  ASSERT_NE(shard.find("layer.bias"), nullptr);
  EXPECT_EQ(shard.find("layer.bias")->shape, (std::vector<std::int64_t>{2, 2}));
  EXPECT_NE(shard.find("layer.weight@0"), nullptr);
}

TEST_F(CheckpointsTest, WriteWholeTensorsIntoOneFileWhenAlone) {
  Checkpoints checkpoints(*alone_, folder_, {.metadata = {{"model_type", "fake"}}});
  FakeSource source(0, 1);
  EXPECT_EQ(checkpoints.save(7, {&source}), folder_ + "/step-00000007");
  const SafetensorsFile file(folder_ + "/step-00000007/model.safetensors");
  ASSERT_NE(file.find("layer.weight"), nullptr);
  EXPECT_EQ(file.find("layer.weight")->shape, (std::vector<std::int64_t>{5, 7}));
  EXPECT_EQ(file.header().metadata.at("model_type"), "fake");
  EXPECT_EQ(SavedCheckpoint(folder_ + "/step-00000007").metadata().at("model_type"), "fake");
}

TEST_F(CheckpointsTest, KeepTheNewestAndNoTemporaryNames) {
  Checkpoints checkpoints(*alone_, folder_, {.every_steps = 10, .keep = 2});
  FakeSource source(0, 1);
  std::filesystem::create_directories(folder_ + "/step-00000005.tmp");
  for (std::int64_t step = 1; step <= 45; ++step) checkpoints.after_step(step, step == 45, {&source});
  EXPECT_EQ(names_in(folder_), (std::vector<std::string>{"latest", "step-00000040", "step-00000045"}));
}

TEST_F(CheckpointsTest, ReplaceACheckpointOfTheSameStep) {
  Checkpoints checkpoints(*alone_, folder_, {});
  FakeSource source(0, 1);
  checkpoints.save(7, {&source});
  checkpoints.save(7, {&source});
  EXPECT_EQ(names_in(folder_), (std::vector<std::string>{"latest", "step-00000007"}));
}

TEST_F(CheckpointsTest, StartFromTheBeginningWhenThereIsNothingToResume) {
  Checkpoints checkpoints(*alone_, folder_, {.resume = true});
  FakeSource source(0, 1);
  EXPECT_EQ(checkpoints.restore({&source}), 0);
}

TEST_F(CheckpointsTest, DoNotMixANewRunWithAnOldOne) {
  save_with(1, folder_, 40);
  Checkpoints checkpoints(*alone_, folder_, {});
  FakeSource source(0, 1);
  EXPECT_THROW(checkpoints.restore({&source}), ConfigError);
}

TEST_F(CheckpointsTest, NameATensorOfAnotherShape) {
  save_with(2, folder_, 40);
  Checkpoints checkpoints(*alone_, folder_, {.resume = true});
  FakeSource other(0, 1, 5, 8);
  try {
    checkpoints.restore({&other});
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find("'layer.weight' has shape [5, 7], the model expects [5, 8]"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(CheckpointsTest, LoseNothingWhenAFolderCannotBeWritten) {
  // A file where the folder should be fails for root too.
  root_.write("checkpoints", "in the way");
  Checkpoints checkpoints(*alone_, folder_, {});
  FakeSource source(0, 1);
  EXPECT_THROW(checkpoints.save(7, {&source}), CheckpointError);
}

TEST_F(CheckpointsTest, FailOnAllRanksWithTheReasonOfTheOneThatCouldNotWrite) {
  save_with(2, folder_, 40);
  // A directory with the name of rank 1's shard makes its file impossible to create.
  test::run_thread_ranks(2, [&](const test::ThreadRank& rank) {
    const auto communicator = collectives::make_shm(rank.store, {.rank = rank.rank, .size = rank.size});
    class Blocking final : public StateSource {
     public:
      explicit Blocking(std::string path) : path_(std::move(path)) {}
      std::vector<TensorSlice> tensor_slices() override {
        std::filesystem::create_directories(path_);
        return {};
      }
      std::map<std::string, std::string> scalars() const override { return {}; }
      void load_scalars(const std::map<std::string, std::string>&) override {}

     private:
      std::string path_;
    };
    Blocking blocking(folder_ + "/step-00000041.tmp/model-00002-of-00002.safetensors");
    FakeSource source(rank.rank, rank.size);
    Checkpoints checkpoints(*communicator, folder_, {});
    try {
      checkpoints.save(41, {&blocking, &source});
      FAIL();
    } catch (const CheckpointError& error) {
      EXPECT_NE(std::string(error.what()).find("rank 1: "), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("model-00002-of-00002.safetensors"), std::string::npos) << error.what();
    }
  });
  EXPECT_EQ(names_in(folder_), (std::vector<std::string>{"latest", "step-00000040"}));
}

TEST_F(CheckpointsTest, RefuseOptionsThatMakeNoSense) {
  EXPECT_THROW(Checkpoints(*alone_, "", {}), ConfigError);
  EXPECT_THROW(Checkpoints(*alone_, folder_, {.every_steps = -1}), ConfigError);
  EXPECT_THROW(Checkpoints(*alone_, folder_, {.keep = 0}), ConfigError);
}

}  // namespace
}  // namespace trireme
