#include "pseudo_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace trireme::topology {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CoreList, ExpandsTheKernelsRanges) {
  EXPECT_THAT(parse_core_list("0-3,8\n"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(parse_core_list("5"), ElementsAre(5));
  EXPECT_THAT(parse_core_list(""), IsEmpty());
  EXPECT_THAT(parse_core_list("\n"), IsEmpty());
}

TEST(CoreList, StopsAtWhatIsNoList) {
  EXPECT_THAT(parse_core_list("0-1,x,4"), ElementsAre(0, 1));
  EXPECT_THAT(parse_core_list("3-1"), IsEmpty());
  EXPECT_THAT(parse_core_list("-1"), IsEmpty());
  EXPECT_THAT(parse_core_list("0-4000000000"), IsEmpty());
}

TEST(LeadingNumber, IgnoresBlanksAndUnits) {
  EXPECT_EQ(leading_number("   32594 kB"), 32594);
  EXPECT_EQ(leading_number("-1\n"), -1);
  EXPECT_EQ(leading_number("kB"), std::nullopt);
  EXPECT_EQ(leading_number(""), std::nullopt);
  EXPECT_EQ(leading_number("99999999999999999999"), std::nullopt);
}

TEST(PseudoFiles, AreEmptyWhenTheyCannotBeRead) {
  EXPECT_THAT(read_lines("/nonexistent/file"), IsEmpty());
  EXPECT_EQ(read_line("/nonexistent/file"), "");
  EXPECT_EQ(read_line("/"), "");
  EXPECT_THAT(list_folder("/nonexistent"), IsEmpty());
}

TEST(PseudoFiles, AreReadLineByLine) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(read_lines(folder.write("file", "a\n b \n\nc")), ElementsAre("a", " b ", "", "c"));
  EXPECT_EQ(read_line(folder.write("one", "  first \nsecond")), "first");
}

}  // namespace
}  // namespace trireme::topology
