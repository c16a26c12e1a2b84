#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "data/checksum.h"
#include "data/token_header.h"
#include "support/temporary_folder.h"
#include "token_files.h"
#include "trireme/base/error.h"
#include "trireme/runtime/token_loader.h"

namespace trireme {
namespace {

using test::byte_file;
using test::llmc_file;
using test::raw_file;

std::string failure_of(const std::string& content) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("tokens.bin", content).string();
  try {
    const TokenFile file(path);
  } catch (const DataError& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.rfind(path, 0), 0U) << what;
    return what.substr(path.size() + 2);
  }
  return "no failure";
}

std::vector<std::int64_t> all_tokens(const std::string& content) {
  const test::TemporaryFolder folder;
  const TokenFile file(folder.write("tokens.bin", content).string());
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(file.size()));
  file.read(0, tokens);
  return tokens;
}

TEST(TokenFile, ReadsBytes) {
  EXPECT_EQ(all_tokens(byte_file("abc\xff")), (std::vector<std::int64_t>{97, 98, 99, 255}));
}

TEST(TokenFile, ReadsLlmcFiles) {
  EXPECT_EQ(all_tokens(llmc_file({1, 50256, 7})), (std::vector<std::int64_t>{1, 50256, 7}));
}

TEST(TokenFile, ReadsNanoGptFilesWithoutAHeader) {
  EXPECT_EQ(all_tokens(raw_file({50256, 0, 513})), (std::vector<std::int64_t>{50256, 0, 513}));
}

TEST(TokenFile, KnowsTheVocabulary) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(TokenFile(folder.write("a.bin", byte_file("abc")).string()).vocabulary(), 256);
  EXPECT_EQ(TokenFile(folder.write("b.bin", llmc_file({1})).string()).vocabulary(), 50257);
}

TEST(TokenFile, TellsExpectedAndFoundSizeOfATruncatedFile) {
  std::string content = byte_file("In the beginning");
  content.resize(content.size() - 3);
  EXPECT_EQ(failure_of(content), "not a usable token file: truncated: 1040 bytes expected, 1037 found; make it again");
  EXPECT_EQ(failure_of(content.substr(0, 100)),
            "not a usable token file: truncated: a header of 1024 bytes expected, 100 bytes found");
  EXPECT_EQ(failure_of(llmc_file({1, 2, 3}).substr(0, 1026)),
            "not a usable token file: truncated: 1030 bytes expected, 1026 found; make it again");
}

TEST(TokenFile, TellsOfAnEmptyFile) {
  EXPECT_EQ(failure_of(""), "not a usable token file: it is empty; scripts/prepare_text makes one");
}

TEST(TokenFile, TellsOfTextThatWasNotPrepared) {
  EXPECT_NE(failure_of("In the beginning God created the heaven and the earth.\n").find("it is text"),
            std::string::npos);
}

TEST(TokenFile, TellsOfBytesThatChanged) {
  std::string content = byte_file("In the beginning");
  content.back() = 'G';
  EXPECT_NE(failure_of(content).find("its checksum does not match"), std::string::npos);
}

TEST(TokenFile, TellsOfAnotherVersion) {
  std::string content = byte_file("abc");
  content[4] = 9;
  EXPECT_EQ(failure_of(content), "not a usable token file: version 1 expected, 9 found");
  content = llmc_file({1});
  content[4] = 7;
  EXPECT_NE(failure_of(content).find("llm.c version 1 expected, 7 found"), std::string::npos);
}

TEST(TokenFile, TellsOfForeignBytes) {
  EXPECT_NE(failure_of(raw_file({1, 60000, 2})).find("token 60000 at position 1"), std::string::npos);
  EXPECT_NE(failure_of(raw_file({1, 2}) + "\x01").find("5 found"), std::string::npos);
}

TEST(TokenFile, TellsOfATokenOutsideTheVocabularyWhenItIsRead) {
  const test::TemporaryFolder folder;
  const TokenFile file(folder.write("a.bin", llmc_file({1, 50257})).string());
  std::vector<std::int64_t> token(1);
  file.read(0, token);
  EXPECT_THROW(file.read(1, token), DataError);
}

TEST(TokenFile, NamesAFileThatIsNotThereOrAFolder) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(TokenFile((folder / "none.bin").string()), DataError);
  EXPECT_THROW(TokenFile(folder.path().string()), DataError);
}

TEST(TokenHeader, SurvivesSeededMutations) {
  std::mt19937 random(20261121);
  const std::vector<std::string> seeds{byte_file("In the beginning God created"), llmc_file({1, 2, 3}),
                                       raw_file({5, 6})};
  for (int round = 0; round < 20000; ++round) {
    std::string content = seeds[random() % seeds.size()];
    for (unsigned i = random() % 4 + 1; i > 0; --i)
      content[random() % std::min<std::size_t>(content.size(), 32)] = static_cast<char>(random());
    if (random() % 4 == 0) content.resize(random() % (content.size() + 1));
    try {
      const TokenLayout layout = read_token_layout(std::as_bytes(std::span(content)), "fuzz");
      ASSERT_LE(layout.data_begin + static_cast<std::uint64_t>(layout.tokens * layout.token_bytes), content.size());
      ASSERT_GT(layout.vocabulary, 0);
    } catch (const DataError&) {
    }
  }
}

}  // namespace
}  // namespace trireme
