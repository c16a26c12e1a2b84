#include "dask/materializer/materializer_codec.h"

#include <random>

#include <gmock/gmock.h>

#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::string_view kSpec = "a pickle";

// A graph of two tasks that share one annotation set; x is a shuffle's barrier.
std::string response() {
  MessageWriter writer;
  writer.map(4).text("status").text("OK").text("annotations").array(2).nil();
  writer.map(6).text("priority").number(2.5).text("retries").integer(3).text("workers").array(1).text("alice");
  writer.text("allow_other_workers").boolean(true).text("resources").map(1).text("GPU").number(1);
  writer.text("packed").bytes("packed");
  writer.text("tasks").array(2);
  writer.array(5).text("x").array(0).bytes(kSpec).integer(0).integer(1);
  writer.array(5).array(2).text("y").number(1.0).array(1).text("x").bytes(kSpec).integer(1).integer(1);
  writer.text("shuffles").array(1).array(4).text("x").text("id of x").bytes("pickled spec");
  writer.array(2).integer(0).array(2).integer(0).integer(1);
  return writer.take();
}

std::string error_text(const Bytes& bytes) {
  const auto answer = decode_graph(bytes);
  const auto* error = std::get_if<MaterializeError>(&answer);
  return error ? error->text : "no error";
}

TEST(DecodeGraph, ReadsTasksWithTheirAnnotations) {
  const auto graph = std::get<MaterializedGraph>(decode_graph(Bytes(response())));

  ASSERT_THAT(graph.tasks, SizeIs(2));
  EXPECT_EQ(text_of(graph.tasks[1].key), "('y', 1)");
  EXPECT_THAT(graph.tasks[1].dependencies, ElementsAre(text_key("x")));
  EXPECT_EQ(graph.tasks[1].order, 1);
  EXPECT_EQ(graph.tasks[0].annotations, graph.tasks[1].annotations);
  const Annotations& annotations = *graph.tasks[0].annotations;
  EXPECT_EQ(annotations.priority, 2.5);
  EXPECT_EQ(annotations.retries, 3u);
  EXPECT_THAT(annotations.workers, ElementsAre("alice"));
  EXPECT_TRUE(annotations.allow_other_workers);
  EXPECT_EQ(annotations.resources.at("GPU"), 1);
  EXPECT_EQ(annotations.packed.view(), "packed");
}

TEST(DecodeGraph, ReadsShuffles) {
  const auto graph = std::get<MaterializedGraph>(decode_graph(Bytes(response())));

  ASSERT_THAT(graph.shuffles, SizeIs(1));
  EXPECT_EQ(graph.shuffles[0].barrier, text_key("x"));
  EXPECT_EQ(graph.shuffles[0].id, "id of x");
  EXPECT_EQ(graph.shuffles[0].pickled.view(), "pickled spec");
  ASSERT_THAT(graph.shuffles[0].partitions, SizeIs(2));
  EXPECT_EQ(text_of(graph.shuffles[0].partitions[1]), "(0, 1)");
}

TEST(DecodeGraph, CutsRunSpecsOutOfTheResponse) {
  const Bytes bytes(response());
  const auto graph = std::get<MaterializedGraph>(decode_graph(bytes));

  const std::string_view spec = graph.tasks[0].run_spec.view();
  EXPECT_EQ(spec, kSpec);
  EXPECT_GE(spec.data(), bytes.view().data());
  EXPECT_LT(spec.data(), bytes.view().data() + bytes.size());
}

TEST(DecodeGraph, RejectsEveryTruncatedResponse) {
  const std::string whole = response();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(error_text(Bytes(whole.substr(0, size))), HasSubstr("answered what cannot be")) << size;
  }
}

// Bytes changed at random: an error or another graph, but no crash (this runs under sanitizers too).
TEST(DecodeGraph, SurvivesAnyChangedByte) {
  std::mt19937 random(7);
  const std::string whole = response();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(random());
    const auto answer = decode_graph(Bytes(changed));
    EXPECT_TRUE(std::holds_alternative<MaterializedGraph>(answer) || !std::get<MaterializeError>(answer).text.empty());
  }
}

TEST(DecodeGraph, SaysWhatIsWrong) {
  const auto text_for = [](const auto& write) {
    MessageWriter writer;
    write(writer);
    return error_text(Bytes(writer.take()));
  };
  EXPECT_THAT(text_for([](auto& w) { w.map(0); }), HasSubstr("no status"));
  EXPECT_THAT(text_for([](auto& w) { w.map(1).text("status").text("OK"); }), HasSubstr("no \"annotations\""));
  EXPECT_THAT(
      text_for([](auto& w) {
        w.map(3).text("status").text("OK").text("annotations").array(0).text("tasks").array(1).array(5).text("x");
        w.array(0).bytes(kSpec).integer(0).integer(0);
      }),
      HasSubstr("unknown annotations"));
}

TEST(DecodeError, KeepsThePicklesAndTexts) {
  MessageWriter writer;
  writer.map(5).text("status").text("error").text("exception").bytes("pickle").text("traceback").nil();
  writer.text("exception_text").text("KeyError('x')").text("traceback_text").text("  File …");

  const auto answer = decode_call(Bytes(writer.take()));

  ASSERT_TRUE(std::holds_alternative<MaterializeError>(answer));
  const auto& error = std::get<MaterializeError>(answer);
  EXPECT_EQ(error.exception.kind, Opaque::Kind::kBin);
  EXPECT_EQ(error.exception.header.view(), "pickle");
  EXPECT_EQ(error.traceback.kind, Opaque::Kind::kNil);
  EXPECT_EQ(error.text, "KeyError('x')");
  EXPECT_EQ(error.traceback_text, "  File …");
}

TEST(DecodeCall, ReadsTheValueAndTheEvents) {
  MessageWriter writer;
  writer.map(4).text("status").text("OK").text("header").bytes("head").text("frames").array(2).bytes("a").bytes("b");
  writer.text("events").array(1).array(2).text("topic").bytes("\xc0");

  const auto result = std::get<FunctionResult>(decode_call(Bytes(writer.take())));

  EXPECT_EQ(result.value.kind, Opaque::Kind::kSerialized);
  EXPECT_EQ(result.value.header.view(), "head");
  EXPECT_EQ(result.value.frames.at(1).view(), "b");
  ASSERT_THAT(result.events, SizeIs(1));
  EXPECT_EQ(result.events[0].first, "topic");
}

TEST(DecodeProgressBar, ReadsKeysAndWhatIsCounted) {
  MessageWriter writer;
  writer.map(4).text("status").text("OK").text("keys").array(2).text("x").array(2).text("y").integer(1);
  writer.text("shows_done").boolean(true).text("by_kind").boolean(false);

  const auto bar = std::get<ProgressBar>(decode_progress_bar(Bytes(writer.take())));

  EXPECT_THAT(bar.keys, ElementsAre(text_key("x"), testing::ResultOf(text_of, "('y', 1)")));
  EXPECT_TRUE(bar.shows_done);
  EXPECT_FALSE(bar.by_kind);

  const auto broken = decode_progress_bar(Bytes(MessageWriter().map(1).text("status").text("OK").take()));
  EXPECT_THAT(std::get<MaterializeError>(broken).text, HasSubstr("no \"keys\""));
}

TEST(EncodeGraphRequest, HasWhatTheClientSent) {
  MessageWriter order;
  order.map(1).text("x").integer(4);
  const Message request = Message::decode(encode_graph_request({.header = Bytes(std::string("head")),
                                                                .frames = {Bytes(std::string("frame"))},
                                                                .wanted = {text_key("x")},
                                                                .order = Bytes(order.take())}));

  EXPECT_EQ(find_text(request.root(), "op"), "graph");
  EXPECT_EQ(request.bytes(*find(request.root(), "header")).view(), "head");
  EXPECT_EQ(request.bytes(*find_elements(request.root(), "frames").begin()).view(), "frame");
  EXPECT_THAT(keys_of(find_elements(request.root(), "wanted")), ElementsAre(text_key("x")));
  EXPECT_EQ(find_integer(*find(request.root(), "order"), "x", 0), 4);
  EXPECT_EQ(find_value(request.root(), "annotations"), nullptr);
}

}  // namespace
}  // namespace trireme::launcher::dask
