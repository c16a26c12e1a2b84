#include "dask/server/graph_queue.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "dask/server/seconds.h"

namespace trireme::launcher::dask {

namespace {

// Operations of one client held back; more are not read from its connection.
constexpr std::size_t kMostSteps = 10'000;

// The pickle in {"__Pickled__": k}; the usual one of an empty map is as good as none.
Bytes pickle_of(const Message& message, const Object& operation, std::string_view name) {
  constexpr std::string_view kEmptyMap{"\x80\x05}\x94.", 5};
  const Object* value = find_value(operation, name);
  if (!value) return {};
  const Opaque opaque = message.opaque(*value);
  if (opaque.kind == Opaque::Kind::kBin) return opaque.header;
  const Message header = Message::decode(Frames{opaque.header});
  const Object* pickle = find(header.root(), "pickled-obj");
  const Bytes bytes = pickle ? header.bytes(*pickle) : Bytes();
  return bytes.view() == kEmptyMap ? Bytes() : bytes;
}

MaterializeRequest request_of(const Message& message, const Object& operation) {
  const Object* expression = find_value(operation, "expr_ser");
  if (!expression) throw MessageError("an update-graph without a graph");
  Opaque graph = message.opaque(*expression);
  MaterializeRequest request{.header = std::move(graph.header), .frames = std::move(graph.frames)};
  request.wanted = keys_of(find_elements(operation, "keys"));
  if (const Object* order = find_value(operation, "internal_priority"); order && pairs(*order).size > 0) {
    MessageWriter writer;
    request.order = Bytes(writer.value(*order).take());
  }
  request.annotations = pickle_of(message, operation, "annotations");
  return request;
}

// `actors` is true for all that the client wants, or lists keys.
void mark_actors(const Object& operation, const std::vector<Key>& wanted, std::vector<TaskSpec>& tasks) {
  const Object* actors = find_value(operation, "actors");
  if (!actors || (actors->type == msgpack::type::BOOLEAN && !actors->via.boolean)) return;
  const std::vector<Key> keys = actors->type == msgpack::type::BOOLEAN ? wanted : keys_of(elements(*actors));
  const std::unordered_set<Key, KeyHash, KeyEqual> marked(keys.begin(), keys.end());
  for (TaskSpec& task : tasks) task.actor = marked.contains(task.key);
}

}  // namespace

GraphQueue::GraphQueue(Hub& hub, std::string client, Apply apply)
    : hub_(hub),
      client_(std::move(client)),
      apply_(std::move(apply)),
      moved_(hub.context, boost::asio::steady_timer::time_point::max()) {}

void GraphQueue::push(const Message& message, const Object& operation) {
  const bool is_graph = find_text(operation, "op") == "update-graph";
  if (!is_graph && steps_.empty()) return apply_(message, operation);
  const auto step = std::make_shared<Step>(Step{message, &operation, is_graph, std::nullopt});
  if (&operation == &message.root()) step->operation = &step->message.root();  // below it, all copies share memory
  steps_.push_back(step);
  if (is_graph) materialize(step);
}

void GraphQueue::materialize(const std::shared_ptr<Step>& step) {
  hub_.materializer->materialize(request_of(step->message, *step->operation),
                                 [weak = weak_from_this(), step](Result result) {
                                   step->result = std::move(result);
                                   if (const auto self = weak.lock()) self->advance();
                                 });
}

void GraphQueue::advance() {
  while (!steps_.empty()) {
    const auto step = steps_.front();
    if (step->is_graph && !step->result) break;
    steps_.pop_front();
    if (!step->is_graph) {
      apply_(step->message, *step->operation);
    } else if (auto* graph = std::get_if<MaterializedGraph>(&*step->result)) {
      add_graph(*step->operation, std::move(*graph));
    } else {
      fail_graph(*step->operation, std::get<MaterializeError>(*step->result));
    }
  }
  moved_.cancel();
}

void GraphQueue::add_graph(const Object& operation, MaterializedGraph materialized) {
  Graph graph{.client = client_, .tasks = std::move(materialized.tasks), .shuffles = std::move(materialized.shuffles)};
  graph.wanted = keys_of(find_elements(operation, "keys"));
  graph.fifo_seconds = find_seconds(operation, "fifo_timeout").value_or(0);
  if (const Object* task = find_value(operation, "submitting_task")) graph.submitting_task = key_of(*task);
  mark_actors(operation, graph.wanted, graph.tasks);
  hub_.tasks.update_graph(graph, steady_seconds());
  hub_.announce_keys(graph.wanted);
}

void GraphQueue::fail_graph(const Object& operation, const MaterializeError& error) {
  const std::vector<Key> wanted = keys_of(find_elements(operation, "keys"));
  hub_.tasks.fail_keys(client_, wanted, error.exception, error.traceback);
  hub_.announce_keys(wanted);
}

Awaitable<void> GraphQueue::has_room() {
  const auto self = shared_from_this();
  while (steps_.size() > kMostSteps) {
    boost::system::error_code ignored;
    co_await moved_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
}

void GraphQueue::drop() {
  steps_.clear();
  moved_.cancel();
}

}  // namespace trireme::launcher::dask
