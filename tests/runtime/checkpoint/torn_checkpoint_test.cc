#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "fake_source.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/checkpoint.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

// A folder with sound checkpoints of steps 10 and 20, of which the newer one is then damaged.
class TornCheckpoint : public testing::Test {
 protected:
  TornCheckpoint() {
    Checkpoints checkpoints(*alone_, folder_, {});
    test::FakeSource source(0, 1);
    checkpoints.save(10, {&source});
    checkpoints.save(20, {&source});
  }

  void expect_the_older_one(const std::string& reason) {
    const FoundCheckpoint found = find_newest_checkpoint(folder_);
    ASSERT_TRUE(found.newest.has_value());
    EXPECT_EQ(found.newest->step(), 10);
    ASSERT_EQ(found.skipped.size(), 1U);
    EXPECT_EQ(found.skipped[0].path, newer_);
    EXPECT_NE(found.skipped[0].reason.find(reason), std::string::npos) << found.skipped[0].reason;

    Checkpoints checkpoints(*alone_, folder_, {.resume = true});
    test::FakeSource source(0, 1);
    source.clear();
    EXPECT_EQ(checkpoints.restore({&source}), 10);
    EXPECT_TRUE(source.holds_what_was_saved());
    EXPECT_THROW(static_cast<void>(open_checkpoint(newer_)), CheckpointError);
  }

  void flip_byte(const std::string& file, std::int64_t from_end) const {
    std::fstream stream(newer_ + "/" + file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(-from_end, std::ios::end);
    const auto byte = static_cast<char>(stream.get());
    stream.seekp(-from_end, std::ios::end);
    stream.put(static_cast<char>(byte ^ 0x10));
  }

  test::TemporaryFolder root_;
  std::string folder_ = (root_ / "checkpoints").string();
  std::string newer_ = folder_ + "/step-00000020";
  std::unique_ptr<collectives::Communicator> alone_ = collectives::make_single();
};

TEST_F(TornCheckpoint, IsSkippedWhenAShardIsTruncated) {
  const auto path = fs::path(newer_) / "model.safetensors";
  fs::resize_file(path, fs::file_size(path) - 5);
  expect_the_older_one("model.safetensors: " + std::to_string(fs::file_size(path) + 5) + " bytes expected");
}

TEST_F(TornCheckpoint, IsSkippedWhenAShardIsMissing) {
  fs::remove(fs::path(newer_) / "model.safetensors");
  expect_the_older_one("model.safetensors: No such file");
}

TEST_F(TornCheckpoint, IsSkippedWhenAByteOfAShardChanged) {
  flip_byte("model.safetensors", 3);
  expect_the_older_one("model.safetensors: its checksum does not match");
}

TEST_F(TornCheckpoint, IsSkippedWhenTheIndexIsMissingOrCut) {
  fs::resize_file(fs::path(newer_) / "index.json", 100);
  expect_the_older_one("index.json: not a usable index");
  fs::remove(fs::path(newer_) / "index.json");
  expect_the_older_one("index.json: cannot open");
}

TEST_F(TornCheckpoint, IsAnErrorNamingFileAndReasonWhenItWasAskedFor) {
  flip_byte("model.safetensors", 3);
  Checkpoints checkpoints(*alone_, folder_, {.resume_from = newer_});
  test::FakeSource source(0, 1);
  try {
    checkpoints.restore({&source});
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find(newer_ + "/model.safetensors: its checksum does not match"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(TornCheckpoint, IsAnErrorWhenThereIsNoSoundOne) {
  for (const char* step : {"step-00000010", "step-00000020"}) fs::remove(fs::path(folder_) / step / "index.json");
  Checkpoints checkpoints(*alone_, folder_, {.resume = true});
  test::FakeSource source(0, 1);
  EXPECT_THROW(checkpoints.restore({&source}), CheckpointError);
  EXPECT_THROW(static_cast<void>(open_checkpoint(folder_)), CheckpointError);
  EXPECT_THROW(static_cast<void>(open_checkpoint(folder_ + "/none")), CheckpointError);
}

TEST_F(TornCheckpoint, IsNotMistakenForTheNewestAfterGoingOnFromAnOlderOne) {
  fs::remove(fs::path(newer_) / "model.safetensors");
  Checkpoints checkpoints(*alone_, folder_, {.keep = 1, .resume = true});
  test::FakeSource source(0, 1);
  checkpoints.restore({&source});
  checkpoints.save(15, {&source});
  const FoundCheckpoint found = find_newest_checkpoint(folder_);
  ASSERT_TRUE(found.newest.has_value());
  EXPECT_EQ(found.newest->step(), 15);
}

}  // namespace
}  // namespace trireme
