#pragma once

#include "jobs/run_spec.h"
#include "scheduler/snapshot.h"
#include "trireme/v1/cluster.pb.h"
#include "trireme/v1/nodes.pb.h"
#include "trireme/v1/runs.pb.h"

// Between plain values and protocol messages; used by both ends. Protocol messages end here.
namespace trireme::launcher {

[[nodiscard]] v1::RunSpec to_proto(const RunSpec& spec);
[[nodiscard]] RunSpec from_proto(const v1::RunSpec& spec);
[[nodiscard]] v1::Node to_proto(const NodeView& node);
[[nodiscard]] NodeView from_proto(const v1::Node& node);
[[nodiscard]] v1::Rank to_proto(const RankView& rank);
[[nodiscard]] v1::Event to_proto(const ClusterEvent& event);
[[nodiscard]] v1::Run to_proto(const RunView& run);
[[nodiscard]] RunView from_proto(const v1::Run& run);
[[nodiscard]] v1::ClusterStatus to_proto(const ClusterSnapshot& snapshot);
[[nodiscard]] ClusterSnapshot from_proto(const v1::ClusterStatus& status);
[[nodiscard]] v1::MetricPoint to_proto(const MetricPoint& point);
[[nodiscard]] MetricPoint from_proto(const v1::MetricPoint& point, const std::string& run_id);

}  // namespace trireme::launcher
