#include "cli/dask_workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/exit_codes.h"
#include "support/temporary_folder.h"

namespace trireme::launcher {
namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Pair;

constexpr const char* kOnTwoGpus = "cuda worker --resources GPU=1 tcp://127.0.0.1:9786 --name node1";

// A shell whose PATH has a `dask` that notes what it is called with.
class DaskWorkers : public testing::Test {
 protected:
  DaskWorkers() : path_(std::getenv("PATH")) {
    const std::filesystem::path dask = folder_ / "bin" / "dask";
    std::filesystem::create_directories(dask.parent_path());
    std::ofstream(dask) << "#!/bin/sh\necho \"$COLOUR: $*\" >'" << (folder_ / "called").string() << "'\n";
    std::filesystem::permissions(dask, std::filesystem::perms::owner_all);
    ::setenv("PATH", (dask.parent_path().string() + ":/usr/bin:/bin").c_str(), 1);
    ::setenv("COLOUR", "red", 1);
  }
  ~DaskWorkers() override {
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("COLOUR");
  }

  // What the program of a run says it was called with on node1.
  std::string called_by(const RunSpec& spec) {
    ::setenv("TRIREME_NODE", "node1", 1);
    std::ofstream(folder_ / "program") << spec.command.at(2);
    EXPECT_EQ(std::system(("sh '" + (folder_ / "program").string() + "'").c_str()), 0);
    ::unsetenv("TRIREME_NODE");
    std::stringstream text;
    text << std::ifstream(folder_ / "called").rdbuf();
    return text.str();
  }

  test::TemporaryFolder folder_;
  const std::string path_;
  const ClusterRecord cluster_{.host = "127.0.0.1", .dask_port = 9786, .nodes = 2};
};

TEST_F(DaskWorkers, AreOneForEachGpuAndHaveTheGpusForThemselves) {
  const RunSpec spec = dask_worker(cluster_, "", true);
  EXPECT_EQ(spec.gpu_use, GpuUse::kExclusive);
  EXPECT_TRUE(spec.follows_nodes);
  EXPECT_EQ(called_by(spec), std::string("red: ") + kOnTwoGpus + "\n");
}

TEST_F(DaskWorkers, ShareTheMachinesThreadsWithoutGpus) {
  const RunSpec spec = dask_worker(cluster_, "", false);
  EXPECT_EQ(spec.gpu_use, GpuUse::kOrdinary);
  EXPECT_THAT(called_by(spec), HasSubstr("red: worker --nthreads "));
  EXPECT_THAT(spec.environment, IsSupersetOf({Pair("COLOUR", "red")}));
}

TEST_F(DaskWorkers, AreStartedAsTheUserSays) {
  const RunSpec spec = dask_worker(cluster_, "dask cuda worker --nthreads 3 --rmm-pool-size 1GB", true);
  EXPECT_EQ(called_by(spec), "red: cuda worker --nthreads 3 --rmm-pool-size 1GB tcp://127.0.0.1:9786 --name node1\n");
  EXPECT_EQ(spec.gpu_use, GpuUse::kExclusive);
}

TEST_F(DaskWorkers, NeedADask) {
  ::setenv("PATH", "/nowhere", 1);
  try {
    static_cast<void>(dask_worker(cluster_, "", true));
    FAIL() << "a worker without dask";
  } catch (const CommandError& error) {
    EXPECT_THAT(error.what(), HasSubstr("pip install distributed"));
  }
}

}  // namespace
}  // namespace trireme::launcher
