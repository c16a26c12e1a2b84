#include "launcher/dask/materializer/python_fixture.h"

#include <fmt/format.h>

#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

// As the server describes itself: two workers.
Bytes identity() {
  MessageWriter writer;
  writer.map(5)
      .text("type")
      .text("Scheduler")
      .text("id")
      .text("Scheduler-1")
      .text("address")
      .text("tcp://10.0.0.9:8786");
  writer.text("services").map(1).text("dashboard").integer(8787).text("workers").map(2);
  for (const char* address : {"tcp://10.0.0.1:1", "tcp://10.0.0.2:2"}) {
    writer.text(address).map(3).text("name").text("alice").text("nthreads").integer(4).text("host").text("10.0.0.1");
  }
  return Bytes(writer.take());
}

std::string joined(const std::vector<Bytes>& frames) {
  std::string all;
  for (const Bytes& frame : frames) all += frame.view();
  return all;
}

}  // namespace

std::string packed(std::string_view text) {
  MessageWriter writer;
  return writer.text(text).take();
}

std::string packed(std::string_view first, std::string_view second) {
  MessageWriter writer;
  return writer.array(2).text(first).text(second).take();
}

void PythonFixture::restart_with(HelperOptions options) {
  std::vector<std::unique_ptr<PythonHost>> hosts;
  hosts.push_back(std::make_unique<HelperProcess>(context_, std::move(options)));
  materializer_ = std::make_unique<HostMaterializer>(std::move(hosts));
}

PythonFixture::Graph PythonFixture::materialize(MaterializeRequest request) {
  return wait<Graph>([&](auto done) { materializer_->materialize(std::move(request), done); });
}

PythonFixture::Upload PythonFixture::upload(Bytes plugin) {
  return wait<Upload>([&](auto done) { materializer_->upload_file(std::move(plugin), done); });
}

PythonFixture::Function PythonFixture::call(FunctionCall call) {
  return wait<Function>([&](auto done) { materializer_->run_function(std::move(call), done); });
}

PythonFixture::Function PythonFixture::call(std::string_view lambda) {
  return call({.function = Bytes(pickled_eval(lambda)),
               .arguments = Bytes(pickled_text_and_bytes("", "")),
               .keywords = Bytes(pickled_empty_map()),
               .identity = identity()});
}

std::string PythonFixture::call_for_text(std::string_view lambda) {
  const Function answer = call(fmt::format("lambda _, __, dask_scheduler=None: str({}).encode()", lambda));
  if (const auto* error = std::get_if<MaterializeError>(&answer)) return "error: " + error->text;
  return joined(std::get<FunctionResult>(answer).value.frames);
}

std::string PythonFixture::call_for_error(std::string_view lambda) {
  const Function answer = call(fmt::format("lambda _, __, dask_scheduler=None: {}", lambda));
  const auto* error = std::get_if<MaterializeError>(&answer);
  return error ? error->text : "no error";
}

Bytes PythonFixture::client_side(std::string_view function, std::string_view payload) {
  constexpr const char* kExpression =
      "(lambda names: exec(open('" CLIENT_SIDE "').read(), names) or names['run'])({'__name__': '__main__'})";
  const Function answer = call({.function = Bytes(pickled_eval(kExpression)),
                                .arguments = Bytes(pickled_text_and_bytes(function, payload)),
                                .keywords = Bytes(pickled_empty_map()),
                                .identity = identity()});
  if (const auto* error = std::get_if<MaterializeError>(&answer)) {
    ADD_FAILURE() << error->text << error->traceback_text;
    return {};
  }
  return Bytes(joined(std::get<FunctionResult>(answer).value.frames));
}

MaterializeRequest PythonFixture::request(std::string_view name) {
  return request_from(client_side("make_request", packed(name)));
}

MaterializeRequest PythonFixture::request_from(const Bytes& packed) {
  const Message message = Message::decode(Frames{packed});
  const Object& root = message.root();
  MaterializeRequest request{.header = message.bytes(*find(root, "header")),
                             .wanted = keys_of(find_elements(root, "wanted"))};
  for (const Object& frame : find_elements(root, "frames")) request.frames.push_back(message.bytes(frame));
  if (const Object* order = find_value(root, "order")) {
    MessageWriter writer;
    request.order = Bytes(writer.value(*order).take());
  }
  if (const Object* annotations = find_value(root, "annotations")) request.annotations = message.bytes(*annotations);
  return request;
}

MaterializedGraph PythonFixture::graph(const MaterializeRequest& request) {
  Graph answer = materialize(request);
  if (const auto* error = std::get_if<MaterializeError>(&answer)) {
    ADD_FAILURE() << error->text << error->traceback_text;
    return {};
  }
  return std::get<MaterializedGraph>(std::move(answer));
}

std::string PythonFixture::evaluate(const MaterializedGraph& graph, const std::vector<Key>& wanted) {
  MessageWriter writer;
  writer.array(2).array(graph.tasks.size());
  for (const TaskSpec& task : graph.tasks) {
    writer.array(3).key(task.key).keys(task.dependencies).bytes(task.run_spec.view());
  }
  writer.keys(wanted);
  return std::string(client_side("evaluate", writer.take()).view());
}

std::string PythonFixture::raised(const MaterializeError& error) {
  return std::string(client_side("raised", error.exception.header.view()).view());
}

}  // namespace trireme::launcher::dask
