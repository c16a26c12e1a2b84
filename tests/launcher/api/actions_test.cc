#include "api/actions.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/json_body.h"
#include "fake_actions.h"

namespace trireme::launcher {
namespace {

class ActionRoutes : public testing::Test {
 protected:
  HttpReply post(const std::string& target, const std::string& body, const std::string& cluster = "default") {
    return answer_action({.method = "POST", .target = target, .body = body}, cluster, actions_);
  }
  nlohmann::json reply(const std::string& target, const std::string& body, const std::string& cluster = "default") {
    return nlohmann::json::parse(post(target, body, cluster).body);
  }
  std::string error(const std::string& target, const std::string& body) {
    return nlohmann::json::parse(post(target, body).body).value("error", "no error");
  }

  FakeActions actions_;
};

TEST_F(ActionRoutes, SubmitARunAndSayHowItIsTyped) {
  const std::string body = R"({"command": ["./train gpt2", "--lr", "1e-3"], "ranks": 4, "nodes": 2, "name": "first try",
                               "mpi": "off", "working_directory": "/data", "environment": {"A": "1 2"}})";
  EXPECT_EQ(post("/api/runs", body).status, 201U);
  const nlohmann::json said = reply("/api/runs", body, "lab");
  EXPECT_EQ(said.at("run_id"), "r-0042");
  EXPECT_EQ(said.at("command"),
            "cd /data && launcher submit --cluster lab -n 4 --nodes 2 --name 'first try' --no-mpi --env 'A=1 2' -- "
            "'./train gpt2' --lr 1e-3");
  const RunSpec& spec = actions_.submitted.front().spec;
  EXPECT_EQ(spec.ranks, 4);
  EXPECT_EQ(spec.environment.at("A"), "1 2");
  EXPECT_EQ(actions_.submitted.front().mpi, false);
}

TEST_F(ActionRoutes, ShowTheCommandOnlyWhenAskedTo) {
  EXPECT_EQ(reply("/api/runs", R"({"command": ["date"], "dry_run": true})"),
            nlohmann::json({{"command", "launcher submit -- date"}}));
  EXPECT_EQ(reply("/api/runs/r-0007/cancel", R"({"force": true, "dry_run": true})").at("command"),
            "launcher cancel --force r-0007");
  EXPECT_TRUE(actions_.submitted.empty());
  EXPECT_TRUE(actions_.done.empty());
}

TEST_F(ActionRoutes, CancelRerunAndDrain) {
  EXPECT_EQ(reply("/api/runs/r-0007/cancel", R"({"reason": "too slow"})").at("status"), "running");
  EXPECT_EQ(reply("/api/runs/r-0007/rerun", "").at("run_id"), "r-0043");
  EXPECT_EQ(reply("/api/nodes/node0/drain", "{}").at("command"), "launcher drain node0");
  EXPECT_EQ(reply("/api/nodes/node0/undrain", "").at("command"), "launcher undrain node0");
  EXPECT_EQ(actions_.done,
            (std::vector<std::string>{"cancel r-0007: too slow", "rerun r-0007", "drain node0", "undrain node0"}));
}

TEST_F(ActionRoutes, SayWhatIsMissingOrNotOffered) {
  EXPECT_EQ(post("/api/runs/r-9999/cancel", "{}").status, 404U);
  EXPECT_EQ(post("/api/scale", R"({"nodes": 3})").status, 501U);
  EXPECT_EQ(post("/api/scale", "{}").status, 400U);
}

TEST_F(ActionRoutes, NameTheKeyThatIsWrong) {
  EXPECT_EQ(error("/api/runs", "{}"),
            "command must be the program and its arguments: [\"./train_gpt2\", \"--steps\", \"300\"]");
  EXPECT_EQ(error("/api/runs", R"({"command": "date"})"), "command must be an array of texts");
  EXPECT_EQ(error("/api/runs", R"({"command": [1]})"), "command must be text");
  EXPECT_EQ(error("/api/runs", R"({"command": ["a\u0000b"]})"), "command must not contain a zero byte");
  EXPECT_EQ(error("/api/runs", R"({"command": ["x"], "ranks": -1})"), "ranks must be a whole number from 0 to 4096");
  EXPECT_EQ(error("/api/runs", R"({"command": ["x"], "ranks": 1.5})"), "ranks must be a whole number from 0 to 4096");
  EXPECT_EQ(error("/api/runs", R"({"command": ["x"], "ranks": 18446744073709551615})"),
            "ranks must be a whole number from 0 to 4096");
  EXPECT_EQ(error("/api/runs", R"({"command": ["x"], "environment": {"A=B": ""}})"),
            "environment has a name that no variable can have");
  EXPECT_EQ(error("/api/runs", R"({"command": ["x"], "mpi": "perhaps"})"), "mpi must be \"auto\", \"on\" or \"off\"");
  EXPECT_EQ(error("/api/runs/r-0007/cancel", R"({"forse": true})"),
            "the body has an unknown key; known are: force, reason, dry_run");
  EXPECT_TRUE(actions_.submitted.empty());
}

TEST_F(ActionRoutes, RefuseWhatIsNoJsonObject) {
  for (const std::string& body : {std::string("x"), std::string("[]"), std::string("{"), std::string("{} {}"),
                                  std::string("\xff"), std::string(200000, '['), std::string("null")}) {
    EXPECT_EQ(post("/api/runs", body).status, 400U) << body.substr(0, 10);
  }
}

TEST(ActionPaths, AreThoseOfTheList) {
  for (const char* path : {"/api/runs", "/api/scale", "/api/runs/r-0001/cancel", "/api/runs/r-0001/rerun",
                           "/api/nodes/node0/drain", "/api/nodes/node0/undrain"}) {
    EXPECT_TRUE(is_action(path)) << path;
  }
  for (const char* path :
       {"", "/", "/api", "/api/", "/api/runs/", "/api/runs/r-0001", "/api/runs//cancel", "/api/nodes",
        "/api/runs/r-0001/drain", "/api/runs/a/b/cancel", "/json/status", "/api/scale/", "/api/login"}) {
    EXPECT_FALSE(is_action(path)) << path;
  }
}

}  // namespace
}  // namespace trireme::launcher
