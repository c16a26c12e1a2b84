#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dask/materializer/materializer.h"

// The messages between the scheduler and materializer.py: msgpack maps, see README.md.
namespace trireme::launcher::dask {

[[nodiscard]] std::string encode_graph_request(const MaterializeRequest& request);
[[nodiscard]] std::string encode_upload(const Bytes& plugin);
[[nodiscard]] std::string encode_call(const FunctionCall& call);
[[nodiscard]] std::string encode_progress_bar(const Bytes& setup);

// What a response says. One that is not as it must be is an error too: the Python that made it runs users' code. These
// never throw but for memory, which is bounded by the response's size.
[[nodiscard]] std::variant<MaterializedGraph, MaterializeError> decode_graph(const Bytes& response);
[[nodiscard]] std::variant<std::vector<ForwardedPlugin>, MaterializeError> decode_upload(const Bytes& response);
[[nodiscard]] std::variant<FunctionResult, MaterializeError> decode_call(const Bytes& response);
[[nodiscard]] std::variant<ProgressBar, MaterializeError> decode_progress_bar(const Bytes& response);

// An error of our own: the client raises RuntimeError(text).
[[nodiscard]] MaterializeError materialize_error(std::string_view text);

}  // namespace trireme::launcher::dask
