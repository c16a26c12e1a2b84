#include <algorithm>
#include <cmath>

#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/page_of.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/v1/nodes.grpc.pb.h"

namespace trireme::launcher {

namespace {

class NodesService final : public v1::Nodes::Service {
 public:
  explicit NodesService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Get(grpc::ServerContext*, const v1::GetNodeRequest* request, v1::Node* reply) override {
    return show(request->name(), reply);
  }

  grpc::Status List(grpc::ServerContext*, const v1::ListNodesRequest* request, v1::ListNodesReply* reply) override {
    std::vector<NodeView> nodes = scheduler_.nodes();
    std::erase_if(nodes, [&](const NodeView& node) { return !is_one_of(request->states(), node.state); });
    const auto page = page_of(
        std::move(nodes), *request, question_of("nodes", request->states()),
        [](const NodeView& node) { return node.name; },
        [](const NodeView& node, const std::string& name) { return does_precede(name, node.name); });
    for (const NodeView& node : page.rows) *reply->add_nodes() = to_proto(node);
    reply->set_next_page_token(page.next_token);
    return page.status;
  }

  grpc::Status Drain(grpc::ServerContext*, const v1::DrainRequest* request, v1::Node* reply) override {
    std::optional<Seconds> cancel_after;
    if (request->has_cancel_after()) cancel_after = request->cancel_after();
    if (cancel_after && !(*cancel_after >= 0 && std::isfinite(*cancel_after))) {
      return bad_request({"cancel_after", "cancel_after must be a number of seconds, 0 or more"});
    }
    scheduler_.post(DrainRequested{request->name(), cancel_after});
    return show(request->name(), reply);
  }

  grpc::Status Undrain(grpc::ServerContext*, const v1::UndrainRequest* request, v1::Node* reply) override {
    scheduler_.post(UndrainRequested{request->name()});
    return show(request->name(), reply);
  }

  grpc::Status Remove(grpc::ServerContext*, const v1::RemoveNodeRequest* request, v1::RemoveNodeReply*) override {
    if (!scheduler_.node(request->name())) return no_such_node(request->name());
    scheduler_.post(RemoveRequested{request->name()});
    return grpc::Status::OK;
  }

 private:
  grpc::Status show(const std::string& name, v1::Node* reply) const {
    const std::optional<NodeView> node = scheduler_.node(name);
    if (!node) return no_such_node(name);
    *reply = to_proto(*node);
    return grpc::Status::OK;
  }

  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_nodes_service(Scheduler& scheduler) {
  return std::make_shared<NodesService>(scheduler);
}

}  // namespace trireme::launcher
