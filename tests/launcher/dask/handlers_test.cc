#include "dask/handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "dask/message.h"
#include "demo_cluster.h"

namespace trireme::launcher::dask {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class DaskHandlers : public testing::Test {
 protected:
  DaskHandlers() { show_busy_cluster(source_, 3); }

  Answer request(const json& message) const { return answer_request(decode(message).root(), scene_); }
  Answer stream(const json& message) const { return answer_stream(decode(message).root(), scene_); }
  static json read(const Answer& answer) { return json::from_msgpack(answer.message.value()); }

  FakeSource source_;
  Scene scene_{.source = source_, .id = "Scheduler-1", .address = "tcp://127.0.0.1:8786", .dashboard_port = 8787};

 private:
  static Message decode(const json& message) {
    const auto bytes = json::to_msgpack(message);
    return Message::decode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

TEST_F(DaskHandlers, IdentifyAsASchedulerWithoutWorkers) {
  const json identity = read(request({{"op", "identity"}, {"n_workers", -1}}));
  EXPECT_EQ(identity.at("type"), "Scheduler");
  EXPECT_EQ(identity.at("address"), "tcp://127.0.0.1:8786");
  EXPECT_EQ(identity.at("services").at("dashboard"), 8787);
  EXPECT_TRUE(identity.at("workers").empty());
  EXPECT_EQ(identity.at("trireme"), to_json(source_.snapshot()));
}

TEST_F(DaskHandlers, ReplaceBytesThatAreNotTextInIdentity) {
  source_.update([](ClusterSnapshot& cluster) { cluster.name = "caf\xe9"; });
  EXPECT_EQ(read(request({{"op", "identity"}})).at("trireme").at("name"), "caf\ufffd");
}

TEST_F(DaskHandlers, OpenAStreamWithAnArrayOfOne) {
  const Answer answer = request({{"op", "register-client"}, {"client", "c"}, {"reply", false}});
  EXPECT_EQ(answer.then, Then::kStream);
  EXPECT_EQ(read(answer), json::array({{{"op", "stream-start"}, {"warning", ""}, {"error", ""}}}));
}

TEST_F(DaskHandlers, FailEveryKeyOfAGraphWithAReason) {
  const json keys = {{"__Set__", true}, {"as-list", {"a", {"b", 1}, 7}}};
  const json operations =
      read(stream(json::array({{{"op", "heartbeat-client"}}, {{"op", "update-graph"}, {"keys", keys}}})));
  ASSERT_EQ(operations.size(), 3u);
  EXPECT_EQ(operations.at(1).at("op"), "task-erred");
  EXPECT_EQ(operations.at(1).at("key"), json::array({"b", 1}));
  const auto pickle = operations.at(0).at("exception").get_binary();
  EXPECT_THAT(std::string(pickle.begin(), pickle.end()), HasSubstr("runs no Dask tasks yet"));
}

TEST_F(DaskHandlers, SayNothingToWhatNeedsNoAnswer) {
  for (const char* op : {"heartbeat-client", "subscribe-topic", "client-releases-keys", "close-client", "unheard-of"}) {
    const Answer answer = stream(json::array({{{"op", op}}}));
    EXPECT_FALSE(answer.message) << op;
    EXPECT_EQ(answer.then, Then::kStream) << op;
  }
}

TEST_F(DaskHandlers, EndTheStreamWhenAsked) {
  const Answer answer =
      stream(json::array({{{"op", "close-client"}}, {{"op", "close-stream"}}, {{"op", "update-graph"}}}));
  EXPECT_EQ(answer.then, Then::kClose);
  EXPECT_EQ(read(answer), json::array({{{"op", "stream-closed"}}}));
}

TEST_F(DaskHandlers, RefuseWorkersWithAReason) {
  const Answer answer = request({{"op", "register-worker"}, {"reply", false}, {"address", "tcp://127.0.0.1:1"}});
  EXPECT_EQ(answer.then, Then::kClose);
  EXPECT_EQ(read(answer).at("status"), "error");
  EXPECT_THAT(read(answer).at("message").get<std::string>(), HasSubstr("takes no Dask workers yet"));
}

TEST_F(DaskHandlers, MakeTheClientRaiseForWhatTheyDoNotKnow) {
  const json reply = read(request({{"op", "get_story"}}));
  EXPECT_EQ(reply.at("status"), "uncaught-error");
  EXPECT_THAT(reply.at("exception_text").get<std::string>(), HasSubstr("'get_story'"));
}

TEST_F(DaskHandlers, HeedReplyAndClose) {
  EXPECT_FALSE(request({{"op", "identity"}, {"reply", false}}).message);
  EXPECT_EQ(request({{"op", "ncores"}, {"close", true}}).then, Then::kClose);
  EXPECT_EQ(read(request({{"op", "close"}})), "OK");
}

TEST_F(DaskHandlers, DropAPeerThatSendsNoOperation) {
  for (const json& message : {json(1), json::array(), json::object(), json{{"op", 5}}}) {
    EXPECT_EQ(request(message).then, Then::kClose) << message;
  }
}

}  // namespace
}  // namespace trireme::launcher::dask
