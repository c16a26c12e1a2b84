#include "checkpoint/checkpoint_index.h"

#include <gtest/gtest.h>

#include <string>

#include "trireme/base/error.h"

namespace trireme {
namespace {

CheckpointIndex sound_index() {
  CheckpointIndex index;
  index.step = 200;
  index.world_size = 2;
  index.saved_at_ns = 5;
  index.files = {{"a", 10, 1}, {"b", 20, 0xFFFFFFFF}};
  index.tensors["w"] = {"F32", {3, 2}, {{0, 4, "a", "w@0"}, {4, 2, "b", "w@4"}}};
  index.scalars = {{"data.position", "200"}};
  index.metadata = {{"model_type", "gpt2"}};
  return index;
}

std::string failure_of(std::string text) {
  try {
    static_cast<void>(parse_index(text, "index.json"));
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "no failure";
}

TEST(CheckpointIndex, SurvivesTheWayThroughText) {
  const CheckpointIndex index = sound_index();
  const CheckpointIndex read = parse_index(encode_index(index), "index.json");
  EXPECT_EQ(read.step, 200);
  EXPECT_EQ(read.world_size, 2);
  EXPECT_EQ(read.saved_at_ns, 5);
  EXPECT_EQ(read.files, index.files);
  EXPECT_EQ(read.tensors, index.tensors);
  EXPECT_EQ(read.scalars, index.scalars);
  EXPECT_EQ(read.metadata, index.metadata);
}

TEST(CheckpointIndex, NoticesAnyChangedCharacterOfItsContent) {
  const std::string sound = encode_index(sound_index());
  const std::size_t body = sound.find("\"index\"");
  int noticed = 0;
  int changed = 0;
  for (std::size_t i = body; i < sound.size(); ++i) {
    if (sound[i] < '0' || sound[i] > '9') continue;
    std::string text = sound;
    text[i] = text[i] == '9' ? '8' : static_cast<char>(text[i] + 1);
    ++changed;
    noticed += failure_of(text) == "no failure" ? 0 : 1;
  }
  EXPECT_GT(changed, 10);
  EXPECT_EQ(noticed, changed);
}

TEST(CheckpointIndex, NamesAnotherVersion) {
  std::string text = encode_index(sound_index());
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
  EXPECT_EQ(failure_of(text), "index.json: version 1 expected, 2 found");
}

TEST(CheckpointIndex, NamesTextThatIsNoIndex) {
  EXPECT_NE(failure_of("").find("index.json: not a usable index"), std::string::npos);
  EXPECT_NE(failure_of("[]").find("index.json: not a usable index"), std::string::npos);
  EXPECT_EQ(failure_of(R"({"format":"x"})"), "index.json: not the index of a checkpoint");
}

TEST(CheckpointIndex, NamesATensorThatIsNotCovered) {
  CheckpointIndex index = sound_index();
  index.tensors["w"].slices[1].offset = 5;
  EXPECT_THROW(check_coverage(index), CheckpointError);
  index.tensors["w"].slices.pop_back();
  try {
    check_coverage(index);
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_STREQ(error.what(), "tensor 'w': 4 of 6 elements are there");
  }
}

TEST(CheckpointIndex, RefusesRanksThatDisagree) {
  CheckpointIndex index = sound_index();
  EXPECT_THROW(add_manifest(index, {{}, {{"w", {"BF16", {3, 2}, {}}}}}), CheckpointError);
}

TEST(CheckpointFolderName, GivesTheStepBack) {
  EXPECT_EQ(checkpoint_folder_name(200), "step-00000200");
  EXPECT_EQ(step_of_folder_name("step-00000200"), 200);
  EXPECT_EQ(step_of_folder_name(checkpoint_folder_name(1234567890)), 1234567890);
  for (const char* other : {"step-200", "step-00000200.tmp", "latest", "step-0000-200", "step-"}) {
    EXPECT_EQ(step_of_folder_name(other), -1) << other;
  }
}

}  // namespace
}  // namespace trireme
