#include "dask/identity.h"

#include <nlohmann/json.hpp>

#include "dask/message.h"

namespace trireme::launcher::dask {

namespace {

// Python's msgpack refuses text that is not UTF-8, so such bytes (of programs' names and arguments) are replaced.
std::string as_msgpack(const nlohmann::json& json) {
  const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto packed = nlohmann::json::to_msgpack(nlohmann::json::parse(text));
  return {packed.begin(), packed.end()};
}

}  // namespace

std::string identity(const Scene& scene) {
  const ClusterSnapshot snapshot = scene.source.snapshot();
  MessageWriter writer;
  writer.map(11).text("type").text("Scheduler").text("id").text(scene.id).text("address").text(scene.address);
  writer.text("name").text(scene.cluster_name).text("started").number(snapshot.started);
  // The client's links and representations read services.dashboard and fail without it.
  writer.text("services").map(1).text("dashboard").integer(scene.dashboard_port);
  writer.text("n_workers").integer(0).text("total_threads").integer(0).text("total_memory").integer(0);
  writer.text("workers").map(0);
  writer.text("trireme").packed(as_msgpack(to_json(snapshot)));
  return writer.take();
}

}  // namespace trireme::launcher::dask
