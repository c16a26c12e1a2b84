#include "dask/materializer/host_materializer.h"

#include <utility>
#include <variant>

#include <spdlog/spdlog.h>

#include "dask/materializer/materializer_codec.h"

namespace trireme::launcher::dask {

namespace {

// Hands on what `decode` makes of a response.
template <typename Done, typename Decode>
PythonHost::Done decoding(Done done, Decode decode) {
  return [done = std::move(done), decode](std::variant<Bytes, HostFailure> answer) {
    if (const auto* failure = std::get_if<HostFailure>(&answer)) return done(materialize_error(failure->text));
    done(decode(std::get<Bytes>(answer)));
  };
}

}  // namespace

void HostMaterializer::materialize(MaterializeRequest request, GraphDone done) {
  exchange(Bytes(encode_graph_request(request)), decoding(std::move(done), decode_graph));
}

void HostMaterializer::upload_file(Bytes plugin, UploadDone done) {
  exchange(Bytes(encode_upload(plugin)), decoding(std::move(done), decode_upload));
}

void HostMaterializer::run_function(FunctionCall call, FunctionDone done) {
  exchange(Bytes(encode_call(call)), decoding(std::move(done), decode_call));
}

void HostMaterializer::read_progress_bar(Bytes setup, ProgressBarDone done) {
  exchange(Bytes(encode_progress_bar(setup)), decoding(std::move(done), decode_progress_bar));
}

// A host that turns out to be unusable answers all its requests so, in order, and each goes to the next host.
void HostMaterializer::exchange(Bytes request, PythonHost::Done done) {
  const std::size_t asked = host_;
  hosts_[asked]->exchange(request, [this, asked, request, done = std::move(done)](auto answer) {
    const auto* failure = std::get_if<HostFailure>(&answer);
    if (!failure || !failure->unusable || asked + 1 == hosts_.size()) return done(std::move(answer));
    if (host_ == asked) {
      spdlog::warn("event=materializer_host_unusable reason=\"{}\"", failure->text);
      ++host_;
    }
    exchange(request, done);
  });
}

}  // namespace trireme::launcher::dask
