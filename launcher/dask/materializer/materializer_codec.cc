#include "dask/materializer/materializer_codec.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

using AnnotationSets = std::vector<std::shared_ptr<const Annotations>>;

const Object& required(const Object& map, std::string_view name) {
  const Object* value = find(map, name);
  if (!value) throw MessageError(fmt::format("it has no \"{}\"", name));
  return *value;
}

Bytes required_bytes(const Message& response, const Object& value, std::string_view name) {
  if (value.type != msgpack::type::BIN) throw MessageError(fmt::format("\"{}\" is no bin", name));
  return response.bytes(value);
}

Elements required_array(const Object& value, std::string_view name) {
  if (value.type != msgpack::type::ARRAY) throw MessageError(fmt::format("\"{}\" is no array", name));
  return elements(value);
}

std::int64_t required_integer(const Object& value, std::string_view name) {
  if (value.type == msgpack::type::NEGATIVE_INTEGER) return value.via.i64;
  if (value.type != msgpack::type::POSITIVE_INTEGER || value.via.u64 > INT64_MAX) {
    throw MessageError(fmt::format("\"{}\" is no integer", name));
  }
  return static_cast<std::int64_t>(value.via.u64);
}

std::shared_ptr<const Annotations> read_annotations(const Message& response, const Object& set) {
  auto annotations = std::make_shared<Annotations>();
  if (set.is_nil()) return annotations;
  annotations->priority = find_number(set, "priority", 0);
  annotations->retries =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(find_integer(set, "retries", 0), 0, UINT32_MAX));
  for (const Object& worker : find_elements(set, "workers")) {
    if (const auto name = as_text(worker)) annotations->workers.emplace_back(*name);
  }
  annotations->allow_other_workers = find_bool(set, "allow_other_workers", false);
  for (const auto& [name, amount] : find_pairs(set, "resources")) {
    if (as_text(name)) annotations->resources.emplace(*as_text(name), as_number(amount).value_or(0));
  }
  // Detached: it is small, and outlives most of the graph where it is kept with an erred task.
  annotations->packed = required_bytes(response, required(set, "packed"), "packed").detached();
  return annotations;
}

TaskSpec read_task(const Message& response, const Object& value, const AnnotationSets& sets) {
  const Elements parts = required_array(value, "task");
  if (parts.size != 5) throw MessageError("a task has not 5 parts");
  const std::int64_t set = required_integer(parts.first[4], "annotations of a task");
  if (set < 0 || static_cast<std::size_t>(set) >= sets.size()) throw MessageError("a task has unknown annotations");
  return {.key = key_of(parts.first[0]),
          .dependencies = keys_of(required_array(parts.first[1], "dependencies")),
          .run_spec = required_bytes(response, parts.first[2], "run spec"),
          .order = required_integer(parts.first[3], "order"),
          .annotations = sets[static_cast<std::size_t>(set)]};
}

// Detached: it is kept as long as its barrier, which is little of the graph.
ShuffleSpec read_shuffle(const Message& response, const Object& value) {
  const Elements parts = required_array(value, "shuffle");
  if (parts.size != 4 || !as_text(parts.first[1])) throw MessageError("a shuffle has not 4 parts");
  return {.id = std::string(*as_text(parts.first[1])),
          .barrier = key_of(parts.first[0]),
          .pickled = required_bytes(response, parts.first[2], "shuffle spec").detached(),
          .partitions = keys_of(required_array(parts.first[3], "partitions"))};
}

MaterializedGraph read_graph(const Message& response) {
  AnnotationSets sets;
  for (const Object& set : required_array(required(response.root(), "annotations"), "annotations")) {
    sets.push_back(read_annotations(response, set));
  }
  const Elements tasks = required_array(required(response.root(), "tasks"), "tasks");
  MaterializedGraph graph;
  graph.tasks.reserve(tasks.size);
  for (const Object& task : tasks) graph.tasks.push_back(read_task(response, task, sets));
  for (const Object& shuffle : required_array(required(response.root(), "shuffles"), "shuffles")) {
    graph.shuffles.push_back(read_shuffle(response, shuffle));
  }
  return graph;
}

// Detached: they are kept as long as the scheduler runs.
std::vector<ForwardedPlugin> read_upload(const Message& response) {
  std::vector<ForwardedPlugin> plugins;
  for (const Object& plugin : required_array(required(response.root(), "plugins"), "plugins")) {
    const auto name = as_text(required(plugin, "name"));
    if (!name) throw MessageError("a plugin's name is no text");
    plugins.push_back({.name = std::string(*name),
                       .plugin = required_bytes(response, required(plugin, "plugin"), "plugin").detached(),
                       .to_nannies = find_bool(plugin, "to_nannies", false),
                       .idempotent = find_bool(plugin, "idempotent", false)});
  }
  return plugins;
}

FunctionResult read_call(const Message& response) {
  const Object& root = response.root();
  FunctionResult result{
      .value = {Opaque::Kind::kSerialized, required_bytes(response, required(root, "header"), "header"), {}}};
  for (const Object& frame : required_array(required(root, "frames"), "frames")) {
    result.value.frames.push_back(required_bytes(response, frame, "frame"));
  }
  for (const Object& event : required_array(required(root, "events"), "events")) {
    const Elements parts = required_array(event, "event");
    if (parts.size != 2 || !as_text(parts.first[0])) throw MessageError("an event has not a topic and a message");
    result.events.emplace_back(*as_text(parts.first[0]), required_bytes(response, parts.first[1], "event").detached());
  }
  return result;
}

ProgressBar read_progress_bar(const Message& response) {
  const Object& root = response.root();
  return {.keys = keys_of(required_array(required(root, "keys"), "keys")),
          .shows_done = find_bool(root, "shows_done", false),
          .by_kind = find_bool(root, "by_kind", false)};
}

Opaque read_pickle(const Message& response, std::string_view name) {
  const Object* value = find_value(response.root(), name);
  if (!value) return {};
  return {Opaque::Kind::kBin, required_bytes(response, *value, name).detached(), {}};
}

MaterializeError read_error(const Message& response) {
  return {read_pickle(response, "exception"), read_pickle(response, "traceback"),
          std::string(find_text(response.root(), "exception_text").value_or("")),
          std::string(find_text(response.root(), "traceback_text").value_or(""))};
}

template <typename Result>
std::variant<Result, MaterializeError> decode(const Bytes& bytes, Result (*read)(const Message&)) {
  try {
    const Message response = Message::decode(Frames{bytes});
    const auto status = find_text(response.root(), "status");
    if (status == "OK") return read(response);
    if (status == "error") return read_error(response);
    throw MessageError("it has no status");
  } catch (const MessageError& error) {
    return materialize_error(fmt::format("the Python that opens graphs answered what cannot be: {}", error.what()));
  }
}

void write_or_nil(MessageWriter& writer, const Bytes& pickle) {
  if (pickle.empty()) {
    writer.nil();
  } else {
    writer.bytes(pickle.view());
  }
}

}  // namespace

std::string encode_graph_request(const MaterializeRequest& request) {
  MessageWriter writer;
  writer.map(6).text("op").text("graph").text("header").bytes(request.header.view());
  writer.text("frames").array(request.frames.size());
  for (const Bytes& frame : request.frames) writer.bytes(frame.view());
  writer.text("wanted").keys(request.wanted);
  writer.text("order");
  if (request.order.empty()) {
    writer.nil();
  } else {
    writer.packed(request.order.view());
  }
  writer.text("annotations");
  write_or_nil(writer, request.annotations);
  return writer.take();
}

std::string encode_upload(const Bytes& plugin) {
  MessageWriter writer;
  return writer.map(2).text("op").text("upload").text("plugin").bytes(plugin.view()).take();
}

std::string encode_call(const FunctionCall& call) {
  MessageWriter writer;
  writer.map(6).text("op").text("call").text("function").bytes(call.function.view());
  writer.text("args").bytes(call.arguments.view()).text("kwargs").bytes(call.keywords.view());
  writer.text("wait").boolean(call.wait).text("identity").packed(call.identity.view());
  return writer.take();
}

std::string encode_progress_bar(const Bytes& setup) {
  MessageWriter writer;
  return writer.map(2).text("op").text("progress").text("setup").bytes(setup.view()).take();
}

std::variant<MaterializedGraph, MaterializeError> decode_graph(const Bytes& response) {
  return decode(response, read_graph);
}

std::variant<std::vector<ForwardedPlugin>, MaterializeError> decode_upload(const Bytes& response) {
  return decode(response, read_upload);
}

std::variant<FunctionResult, MaterializeError> decode_call(const Bytes& response) {
  return decode(response, read_call);
}

std::variant<ProgressBar, MaterializeError> decode_progress_bar(const Bytes& response) {
  return decode(response, read_progress_bar);
}

MaterializeError materialize_error(std::string_view text) {
  return {{Opaque::Kind::kBin, Bytes(pickled_exception("RuntimeError", text)), {}}, {}, std::string(text), {}};
}

}  // namespace trireme::launcher::dask
