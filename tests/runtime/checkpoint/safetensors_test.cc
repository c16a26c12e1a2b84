#include "trireme/runtime/safetensors.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "data/checksum.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

std::string file_of(const std::string& json, const std::string& data) {
  const std::uint64_t length = json.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  return content + json + data;
}

std::string failure_of(const std::string& content) {
  try {
    static_cast<void>(parse_safetensors_header(std::as_bytes(std::span(content)), content.size(), "f"));
  } catch (const DataError& error) {
    return error.what();
  }
  return "no failure";
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Safetensors, WritesTheseGoldenBytes) {
  const test::TemporaryFolder folder;
  const std::array<float, 2> a{1.0F, -2.0F};
  const std::array<std::uint8_t, 3> b{7, 8, 9};
  const std::vector<SafetensorsValue> tensors{{"a", "F32", {2, 1}, std::as_bytes(std::span(a))},
                                              {"b", "U8", {3}, std::as_bytes(std::span(b))}};
  const WrittenFile written = write_safetensors((folder / "x").string(), tensors, {{"format", "pt"}});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  std::string padded = header;
  padded.resize((header.size() + 7) / 8 * 8, ' ');
  const std::string expected = file_of(padded, std::string("\0\0\x80\x3f\0\0\0\xc0\x07\x08\x09", 11));
  EXPECT_EQ(content(folder / "x"), expected);
  EXPECT_EQ(written.bytes, expected.size());
  EXPECT_EQ(written.crc32c, crc32c(std::as_bytes(std::span(expected))));
}

TEST(Safetensors, ReadsWhatItWrote) {
  const test::TemporaryFolder folder;
  const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
  const std::string path = (folder / "x").string();
  write_safetensors(path,
                    std::vector<SafetensorsValue>{{"m", "F32", {2, 3}, std::as_bytes(std::span(values))},
                                                  {"empty", "BF16", {0, 4}, {}},
                                                  {"scalar", "F32", {}, std::as_bytes(std::span(values)).first(4)}});
  const SafetensorsFile file(path);
  ASSERT_NE(file.find("m"), nullptr);
  EXPECT_EQ(file.find("m")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.values(*file.find("m")).data(), values.data(), sizeof values), 0);
  EXPECT_TRUE(file.values(*file.find("empty")).empty());
  EXPECT_EQ(file.values(*file.find("scalar")).size(), 4U);
  EXPECT_EQ(file.find("none"), nullptr);
  EXPECT_EQ(file.header().data_begin % 8, 0U);
}

TEST(Safetensors, NamesTheFileAndWhatIsWrong) {
  EXPECT_EQ(failure_of("abc"), "f: not a usable safetensors file: 3 bytes found, at least 8 expected");
  EXPECT_EQ(failure_of(file_of("{}", "").substr(0, 9)),
            "f: not a usable safetensors file: a header of 2 bytes expected, 1 bytes follow");
  EXPECT_EQ(failure_of(file_of("[]", "")), "f: not a usable safetensors file: the header is not a JSON object");
  EXPECT_EQ(failure_of(file_of("{", "")), "f: not a usable safetensors file: the header is not a JSON object");
  EXPECT_EQ(failure_of(file_of(R"({"a":{"dtype":"F32","shape":[1]}})", "1234")),
            "f: not a usable safetensors file: tensor 'a' lacks 'data_offsets'");
  EXPECT_EQ(failure_of(file_of(R"({"a":{"dtype":"F3","shape":[1],"data_offsets":[0,4]}})", "1234")),
            "f: not a usable safetensors file: tensor 'a' has the unknown dtype 'F3'");
  EXPECT_EQ(failure_of(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234")),
            "f: not a usable safetensors file: tensor 'a' needs 8 bytes, its offsets [0, 4) disagree");
  EXPECT_EQ(failure_of(file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "123")),
            "f: not a usable safetensors file: 4 bytes of data expected, 3 found: truncated or overwritten");
}

TEST(Safetensors, RefusesHostileHeaders) {
  const std::uint64_t huge = ~std::uint64_t{0};
  std::string length(8, '\0');
  std::memcpy(length.data(), &huge, 8);
  EXPECT_NE(failure_of(length + "{}"), "no failure");
  EXPECT_NE(failure_of(file_of(std::string(100000, '['), "")), "no failure");
  EXPECT_NE(failure_of(file_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", "")),
            "no failure");
  EXPECT_NE(failure_of(file_of(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", "1")), "no failure");
  EXPECT_NE(failure_of(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "12")), "no failure");
  EXPECT_NE(failure_of(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                               R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                               "123")),
            "no failure");
}

TEST(Safetensors, ReadsMetadata) {
  const std::string file = file_of(R"({"__metadata__":{"format":"pt","n_layer":"4"}})", "");
  const auto header = parse_safetensors_header(std::as_bytes(std::span(file)), file.size(), "f");
  EXPECT_EQ(header.metadata.at("n_layer"), "4");
  EXPECT_NE(failure_of(file_of(R"({"__metadata__":{"a":1}})", "")), "no failure");
}

}  // namespace
}  // namespace trireme
