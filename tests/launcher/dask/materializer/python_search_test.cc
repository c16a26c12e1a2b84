#include "dask/materializer/python_search.h"

#include <sys/stat.h>

#include <gmock/gmock.h>

#include "support/temporary_folder.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PythonCandidates, IsTheNamedOneAlone) {
  EXPECT_THAT(python_candidates("/opt/python", "/usr/bin"), ElementsAre("/opt/python"));
}

TEST(PythonCandidates, AreThoseOnThePathOnceEach) {
  const test::TemporaryFolder folder;
  const std::string first = folder.write("a/python3", ""), second = folder.write("b/python3", "");
  ASSERT_EQ(::chmod(first.c_str(), 0755) + ::chmod(second.c_str(), 0755), 0);
  folder.write("c/python3", "");  // cannot be executed
  const std::string root = folder.path();

  EXPECT_THAT(python_candidates("", root + "/b::" + root + "/c:" + root + "/a:" + root + "/b"),
              ElementsAre(second, first));
}

TEST(PythonCandidates, AreNoneWithoutAPath) { EXPECT_THAT(python_candidates("", ""), IsEmpty()); }

}  // namespace
}  // namespace trireme::launcher::dask
