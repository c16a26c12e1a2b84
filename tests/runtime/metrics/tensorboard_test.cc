#include "trireme/runtime/tensorboard.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "data/checksum.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using std::string_literals::operator""s;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Payloads of the records of a file; the checks are the ones TensorBoard's reader does.
std::vector<std::string> records_of(std::string_view content) {
  std::vector<std::string> records;
  const auto unmask = [](std::string_view at) {
    std::uint32_t masked = 0;
    std::memcpy(&masked, at.data(), 4);
    return std::rotl(masked - 0xA282EAD8U, 15);
  };
  while (!content.empty()) {
    std::uint64_t length = 0;
    std::memcpy(&length, content.data(), 8);
    EXPECT_EQ(unmask(content.substr(8)), crc32c(std::as_bytes(std::span(content.substr(0, 8)))));
    const std::string_view payload = content.substr(12, length);
    EXPECT_EQ(unmask(content.substr(12 + length)), crc32c(std::as_bytes(std::span(payload))));
    records.emplace_back(payload);
    content.remove_prefix(16 + length);
  }
  return records;
}

TEST(TensorBoard, EncodesAScalarAsTheseGoldenBytes) {
  // Event{wall_time: 1.5, step: 300, summary: {value: {tag: "loss", simple_value: 2.0}}}
  EXPECT_EQ(encode_scalar_event(1.5, 300, "loss", 2.0F),
            "\x09\0\0\0\0\0\0\xf8\x3f"
            "\x10\xac\x02"
            "\x2a\x0d"
            "\x0a\x0b"
            "\x0a\x04loss"
            "\x15\0\0\0\x40"s);
}

TEST(TensorBoard, BeginsAFileWithItsVersion) {
  EXPECT_EQ(encode_version_event(0), "\x09\0\0\0\0\0\0\0\0\x1a\x0d"s + "brain.Event:2");
}

TEST(TensorBoard, FramesRecordsAsTensorBoardsOwnWriterDoes) {
  EXPECT_EQ(frame_record("hello"),
            "\x05\0\0\0\0\0\0\0"
            "\xea\xb2\x04\x3e"
            "hello"
            "\xbb\x1f\x1c\x19"s);
}

TEST(TensorBoard, WritesAFileThatAReaderAccepts) {
  const test::TemporaryFolder folder;
  TensorBoardWriter writer((folder / "tensorboard").string());
  writer.scalar(1, "loss", 3.5);
  writer.scalar(2, "loss", 3.25);
  writer.flush();
  EXPECT_NE(writer.path().find("events.out.tfevents."), std::string::npos);
  const auto records = records_of(read(writer.path()));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_NE(records[0].find("brain.Event:2"), std::string::npos);
  EXPECT_NE(records[2].find("loss"), std::string::npos);
}

TEST(TensorBoard, NamesAFileThatCannotBeMade) {
  const test::TemporaryFolder folder;
  folder.write("tensorboard", "in the way");
  EXPECT_THROW(TensorBoardWriter((folder / "tensorboard").string()), DataError);
}

}  // namespace
}  // namespace trireme
