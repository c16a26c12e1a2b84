#include "data/durable_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(DurableFile, IsGoneWhenItIsNotCommitted) {
  const test::TemporaryFolder folder;
  {
    DurableFile file((folder / "a").string());
    file.append(std::as_bytes(std::span("half")));
    EXPECT_TRUE(std::filesystem::exists(folder / "a"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

// A file-size limit fails the write as a full disk does, without a file system of its own.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  rlimit before_{};
};

TEST(DurableFile, TellsHowFarItCameAndLeavesNothingWhenNoMoreFits) {
  const test::TemporaryFolder folder;
  const FileSizeLimit limit(6);
  try {
    DurableFile file((folder / "a").string());
    file.append(std::as_bytes(std::span("12345678")));
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.what(), (folder / "a").string() + ": cannot write after 6 bytes: File too large");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(DurableFile, NamesAFolderThatIsNotThere) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(DurableFile((folder / "no/such").string()), DataError);
}

TEST(ReplaceFile, ReplacesAndLeavesNoTemporaryName) {
  const test::TemporaryFolder folder;
  replace_file((folder / "latest").string(), "one");
  replace_file((folder / "latest").string(), "two");
  EXPECT_EQ(content(folder / "latest"), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace trireme
