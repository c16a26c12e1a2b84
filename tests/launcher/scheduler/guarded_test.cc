#include <gtest/gtest.h>

#include <ctime>

#include <grpcpp/impl/service_type.h>

#include "access/access_folder.h"
#include "access/certificate.h"
#include "access/private_file.h"
#include "agent/link.h"
#include "api/api_server.h"
#include "scheduler/client.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "support/temporary_folder.h"
#include "support/thrown_text.h"
#include "trireme/base/message.h"
#include "trireme/base/version.h"
#include "trireme/v1/agent.pb.h"

// A scheduler behind a guarded port, and clients and a node that come to it over TLS.
namespace trireme::launcher {
namespace {

using namespace std::chrono_literals;

class Guarded : public testing::Test {
 protected:
  Guarded() { prepare_access(files_, {.cluster = "default"}, now_); }

  [[nodiscard]] std::string address() const { return message("127.0.0.1:{}", api().port()); }
  [[nodiscard]] ClientAccess with_token(const std::string& token) const {
    return {.certificate = read_private_file(files_.certificate), .token = token};
  }
  [[nodiscard]] ClientAccess with_role(Role role) const {
    return with_token(TokenBook(files_.tokens).make({.name = "test", .role = role}, now_).secret);
  }
  [[nodiscard]] ClientAccess owner() const { return client_access(files_.certificate, files_.admin_token); }

  // Made when it is first asked for: the folder must be ready.
  [[nodiscard]] const ApiServer& api() const {
    if (!api_) {
      api_ = std::make_unique<ApiServer>(
          ApiServer::Options{.port = 0,
                             .services = {cluster_.get(), runs_.get(), agents_.get()},
                             .guarded = ApiServer::Guarded{files_.tokens, files_.certificate, files_.key}},
          scheduler_);
    }
    return *api_;
  }

  const double now_ = static_cast<double>(std::time(nullptr));
  const test::TemporaryFolder folder_;
  const AccessFiles files_{folder_.path()};
  mutable Scheduler scheduler_{{.expected_nodes = 1, .state_folder = folder_.path()}};
  const std::shared_ptr<grpc::Service> cluster_ = make_cluster_service(scheduler_);
  const std::shared_ptr<grpc::Service> runs_ = make_runs_service(scheduler_);
  const std::shared_ptr<grpc::Service> agents_ = make_agents_service(scheduler_);
  mutable std::unique_ptr<ApiServer> api_;
};

TEST_F(Guarded, AnswersItsOwner) { EXPECT_EQ(SchedulerClient(address(), owner()).status().name, "default"); }

TEST_F(Guarded, TurnsAwayWhoHasNoTokenOrAWrongOne) {
  for (const std::string& token : {std::string(), std::string("trm_wrong"), make_secret()}) {
    SchedulerClient client(address(), with_token(token));
    EXPECT_THROW(static_cast<void>(client.status()), AccessError) << token;
  }
}

TEST_F(Guarded, SaysWhichRoleIsNeeded) {
  SchedulerClient reader(address(), with_role(Role::kRead));
  EXPECT_EQ(reader.runs().size(), 0U);
  EXPECT_EQ(test::text_thrown_by<AccessError>([&] { static_cast<void>(reader.submit({.command = {"/bin/true"}})); }),
            "token test has role read, and this needs role submit");
  SchedulerClient submitter(address(), with_role(Role::kSubmit));
  EXPECT_EQ(submitter.submit({.command = {"/bin/true"}}), "r-0001");
  EXPECT_EQ(test::text_thrown_by<AccessError>([&] { submitter.shut_down(); }),
            "token test has role submit, and this needs role admin");
}

TEST_F(Guarded, IsNotTakenForAnotherServer) {
  ClientAccess other = owner();
  other.certificate = make_self_signed("another", ServedNames(), 1).certificate;
  SchedulerClient client(address(), other);
  EXPECT_THROW(static_cast<void>(client.status()), UnreachableError);
}

TEST_F(Guarded, FollowsARunOverAStream) {
  SchedulerClient client(address(), owner());
  const std::string run_id = client.submit({.command = {"/bin/true"}});
  std::vector<std::string> seen;
  client.follow(run_id, false, {.on_line = nullptr, .on_run = [&](const RunView& run) { seen.push_back(run.status); }});
  EXPECT_EQ(seen, std::vector<std::string>{"queued"});
}

class GuardedNode : public Guarded {
 protected:
  static v1::Register hello() {
    v1::Register hello;
    hello.set_node("node0");
    hello.set_version(version());
    return hello;
  }
  LinkEnd link(const ClientAccess& access) {
    return run_link(
        address(), access, [] { return hello(); }, outbox_,
        [this](const v1::AgentCommand& command) {
          if (command.has_registered()) scheduler_.post(StopRequested{});
          return !command.has_stop();
        },
        20s);
  }

  MessageOutbox outbox_{100};
};

TEST_F(GuardedNode, ComesWithATokenForNodes) {
  EXPECT_EQ(link(client_access(files_.certificate, files_.node_token)), LinkEnd::kStopped);
}

TEST_F(GuardedNode, IsTurnedAwayWithAnotherAndSaysSo) {
  EXPECT_EQ(link(with_role(Role::kSubmit)), LinkEnd::kRejected);
  EXPECT_EQ(link(with_token("trm_wrong")), LinkEnd::kRejected);
}

}  // namespace
}  // namespace trireme::launcher
