#include "dask/materializer/worker_host.h"

#include <gmock/gmock.h>
#include <boost/asio/post.hpp>

#include "dask/wire/message_writer.h"
#include "launcher/dask/materializer/python_fixture.h"

namespace trireme::launcher::dask {
namespace {

using testing::HasSubstr;

// A host that never has a Python.
class NoHost : public PythonHost {
 public:
  explicit NoHost(boost::asio::io_context& context) : context_(context) {}
  void exchange(Bytes, Done done) override {
    boost::asio::post(context_, [done] { done(HostFailure{"there is none", true}); });
  }

 private:
  boost::asio::io_context& context_;
};

class Worker : public PythonFixture {
 protected:
  // What a worker answers to `run`: as_worker() of client_side.py in the fixture's Python.
  Message run_on_worker(const Bytes& request) {
    MessageWriter header;
    header.map(2).text("serializer").text("dask").text("num-sub-frames").integer(1);
    MessageWriter reply;
    reply.map(2).text("status").text("OK").text("result");
    reply.opaque({Opaque::Kind::kSerialized, Bytes(header.take()), {client_side("as_worker", request.view())}});
    return Message::decode(reply.take_frames());
  }
  std::unique_ptr<Materializer> on_worker(CallWorker call) {
    std::vector<std::unique_ptr<PythonHost>> hosts;
    hosts.push_back(std::make_unique<NoHost>(context_));
    hosts.push_back(std::make_unique<WorkerHost>(std::move(call)));
    return std::make_unique<HostMaterializer>(std::move(hosts));
  }
};

TEST_F(Worker, OpensGraphsWhereThereIsNoPythonBesideTheScheduler) {
  const MaterializeRequest made = request("map of lambdas");
  const auto materializer = on_worker([this](const Bytes& message, auto done) { done(run_on_worker(message)); });

  const Graph answer = wait<Graph>([&](auto done) { materializer->materialize(made, done); });

  ASSERT_TRUE(std::holds_alternative<MaterializedGraph>(answer));
  EXPECT_EQ(evaluate(std::get<MaterializedGraph>(answer), made.wanted), "[1, 4, 9]");
}

TEST_F(Worker, RaisesWhatGoesWrongInAGraph) {
  const MaterializeRequest made = request("exploding");
  const auto materializer = on_worker([this](const Bytes& message, auto done) { done(run_on_worker(message)); });

  const Graph answer = wait<Graph>([&](auto done) { materializer->materialize(made, done); });

  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  EXPECT_EQ(raised(std::get<MaterializeError>(answer)), "ZeroDivisionError('no priority for call-0')");
}

TEST_F(Worker, ThatCannotBeCalledIsAnError) {
  const auto materializer = on_worker([](const Bytes&, auto done) { done("the worker is gone"); });

  const Graph answer = wait<Graph>([&](auto done) { materializer->materialize({}, done); });

  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  EXPECT_EQ(std::get<MaterializeError>(answer).text, "the worker is gone");
}

TEST(DecodeRun, SaysWhatAWorkerRaised) {
  MessageWriter writer;
  writer.map(2).text("status").text("error").text("exception_text").text("SyntaxError()");

  const auto answer = decode_run(Message::decode(writer.take()));

  ASSERT_TRUE(std::holds_alternative<HostFailure>(answer));
  EXPECT_THAT(std::get<HostFailure>(answer).text, HasSubstr("SyntaxError()"));
}

TEST(DecodeRun, JoinsTheFramesOfALargeResult) {
  MessageWriter header;
  header.map(1).text("num-sub-frames").integer(2);
  MessageWriter reply;
  reply.map(2).text("status").text("OK").text("result");
  reply.opaque(
      {Opaque::Kind::kSerialized, Bytes(header.take()), {Bytes(std::string("one ")), Bytes(std::string("two"))}});

  const auto answer = decode_run(Message::decode(reply.take_frames()));

  EXPECT_EQ(std::get<Bytes>(answer).view(), "one two");
}

}  // namespace
}  // namespace trireme::launcher::dask
