#include "api/routes.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/assets.h"
#include "demo_cluster.h"

namespace trireme::launcher {
namespace {

class Routes : public testing::Test {
 protected:
  Routes() { show_busy_cluster(source_, 20); }
  HttpReply get(const std::string& target) const { return answer({.method = "GET", .target = target}, source_); }

  FakeSource source_;
};

TEST_F(Routes, ServeTheDashboardAtBothOfItsPaths) {
  EXPECT_EQ(get("/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(get("/status").body, get("/").body);
  EXPECT_EQ(get("/status?from=dask").status, 200u);
}

TEST_F(Routes, AnswerHealthInOneWord) { EXPECT_EQ(get("/health").body, "ok"); }

TEST_F(Routes, ShowTheSnapshotAsItIs) {
  EXPECT_EQ(nlohmann::json::parse(get("/json/status").body), to_json(source_.snapshot()));
}

TEST_F(Routes, GiveHistoryOfOneRunUpToALimit) {
  const auto reply = nlohmann::json::parse(get("/json/history?run=r-0007&limit=5").body);
  EXPECT_EQ(reply.at("run_id"), "r-0007");
  EXPECT_LE(reply.at("points").size(), 5u);
  EXPECT_EQ(reply.at("points").at(0).at("step"), 1);
  EXPECT_TRUE(reply.at("points").at(0).at("metrics").contains("loss"));
}

TEST_F(Routes, GiveWhatRanksDidLately) {
  const auto reply = nlohmann::json::parse(get("/json/recent?run=r-0007&first=2").body);
  EXPECT_EQ(reply.at("first"), 2);
  EXPECT_EQ(reply.at("step_ms").size(), 2u);
  EXPECT_EQ(get("/json/recent?run=r-0007&first=-1").status, 400u);
  EXPECT_EQ(get("/json/recent?run=r-9999").status, 404u);
}

TEST_F(Routes, GiveTheLastLinesOfOneRun) {
  const auto reply = nlohmann::json::parse(get("/json/logs?run=r-0007&lines=1").body);
  ASSERT_EQ(reply.at("lines").size(), 1u);
  EXPECT_TRUE(reply.at("lines").at(0).get<std::string>().starts_with("[0] step   20"));
}

TEST_F(Routes, ReplaceBytesThatAreNotText) {
  source_.add_line("r-0007", "caf\xe9 \xff");
  EXPECT_EQ(nlohmann::json::parse(get("/json/logs?run=r-0007&lines=1").body).at("lines").at(0), "caf\ufffd \ufffd");
}

TEST_F(Routes, SayWhatIsWrongWithAQuery) {
  EXPECT_EQ(get("/json/history").status, 400u);
  EXPECT_EQ(get("/json/history?run=%zz").status, 400u);
  EXPECT_EQ(get("/json/logs?run=r-0007&lines=0").status, 400u);
  EXPECT_EQ(get("/json/logs?run=r-9999").status, 404u);
  EXPECT_NE(nlohmann::json::parse(get("/json/history").body).at("error").get<std::string>().find("run=ID"),
            std::string::npos);
}

TEST_F(Routes, KnowNothingOfOtherPaths) {
  for (const char* target : {"/nothing", "/assets/../index.html", "//", "*", "/json/status/", ""}) {
    EXPECT_EQ(get(target).status, 404u) << target;
  }
}

TEST_F(Routes, AllowReadingOnly) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", "BREW"}) {
    const HttpReply reply = answer({.method = method, .target = "/json/status"}, source_);
    EXPECT_EQ(reply.status, 405u) << method;
    EXPECT_EQ(reply.allow, "GET, HEAD");
  }
}

TEST_F(Routes, SendAnAssetAgainOnlyWhenItChanged) {
  const HttpReply first = get("/assets/dashboard.css");
  ASSERT_EQ(first.status, 200u);
  const HttpReply again =
      answer({.method = "GET", .target = "/assets/dashboard.css", .if_none_match = first.etag}, source_);
  EXPECT_EQ(again.status, 304u);
  EXPECT_TRUE(again.body.empty());
}

TEST(Assets, HoldEveryFileThePageAsksFor) {
  for (const char* path : {"/", "/assets/dashboard.css", "/assets/dashboard.js", "/assets/charts.js",
                           "/assets/tables.js", "/assets/format.js", "/assets/icon.svg", "/assets/d3.min.js"}) {
    const Asset* asset = find_asset(path);
    ASSERT_NE(asset, nullptr) << path;
    EXPECT_GT(asset->bytes.size(), 100u) << path;
  }
}

// The page must work on a machine without a network.
TEST(Assets, FetchNothingFromElsewhere) {
  for (const Asset& asset : assets()) {
    if (asset.path == "/assets/d3.min.js" || asset.path == "/assets/icon.svg") continue;
    EXPECT_EQ(asset.bytes.find("://"), std::string_view::npos) << asset.path;
    EXPECT_EQ(asset.bytes.find("innerHTML"), std::string_view::npos) << asset.path;
  }
}

}  // namespace
}  // namespace trireme::launcher
