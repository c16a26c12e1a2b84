#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "dask/materializer/materializer.h"
#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// A client's operations in their order, while graphs among them are being materialized.
//
// Graphs are handed to the materializer as they come; what stands behind one waits until it is done, because a client
// may release a key right behind the graph that makes it. Lives on the hub's thread.
class GraphQueue : public std::enable_shared_from_this<GraphQueue> {
 public:
  // apply(message, operation): carries out an operation that is no update-graph.
  using Apply = std::function<void(const Message& message, const Object& operation)>;

  GraphQueue(Hub& hub, std::string client, Apply apply);

  // `operation` is below `message`.
  void push(const Message& message, const Object& operation);
  // Until few enough wait that more may be read.
  [[nodiscard]] Awaitable<void> has_room();
  // The client is gone: nothing is carried out any more.
  void drop();

 private:
  using Result = std::variant<MaterializedGraph, MaterializeError>;
  struct Step {
    Message message;
    const Object* operation;
    bool is_graph;
    std::optional<Result> result;  // of a graph, once it is there
  };

  void materialize(const std::shared_ptr<Step>& step);
  void advance();
  void add_graph(const Object& operation, MaterializedGraph graph);
  void fail_graph(const Object& operation, const MaterializeError& error);

  Hub& hub_;
  std::string client_;
  Apply apply_;
  std::deque<std::shared_ptr<Step>> steps_;
  boost::asio::steady_timer moved_;  // cancelled when steps_ becomes shorter
};

}  // namespace trireme::launcher::dask
