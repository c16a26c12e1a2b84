#include "dask/materializer/worker_host.h"

#include <utility>

#include <fmt/format.h>

#include "dask/materializer/materializer_source.h"
#include "dask/wire/message_writer.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

// A coroutine function of the source and a request. The module is made once for each version of the source.
constexpr std::string_view kRun = R"((lambda names: exec('''
async def run(source, request):
    import sys, types, zlib
    name = "trireme_materializer_%x" % zlib.crc32(source.encode())
    if name not in sys.modules:
        module = types.ModuleType(name)
        exec(compile(source, "materializer.py", "exec"), module.__dict__)
        sys.modules[name] = module
    return await sys.modules[name].answer_in_thread(request)
''', names) or names["run"])({}))";

// A bytes object travels as its bytes, in one frame or in several.
Bytes joined(const std::vector<Bytes>& frames) {
  if (frames.size() == 1) return frames.front();
  std::string bytes;
  for (const Bytes& frame : frames) bytes += frame.view();
  return Bytes(std::move(bytes));
}

}  // namespace

std::string encode_run(const Bytes& request) {
  MessageWriter writer;
  writer.map(5).text("op").text("run").text("function").bytes(pickled_eval(kRun));
  writer.text("args").bytes(pickled_text_and_bytes(materializer_source(), request.view()));
  writer.text("kwargs").bytes(pickled_empty_map()).text("wait").boolean(true);
  return writer.take();
}

std::variant<Bytes, HostFailure> decode_run(const std::variant<Message, std::string>& reply) {
  if (const auto* why = std::get_if<std::string>(&reply)) return HostFailure{*why};
  const Message& message = std::get<Message>(reply);
  const Object* result = find(message.root(), "result");
  try {
    if (find_text(message.root(), "status") == "OK" && result) return joined(message.opaque(*result).frames);
  } catch (const MessageError& error) {
    return HostFailure{fmt::format("a worker that was to open a graph answered what cannot be: {}", error.what())};
  }
  return HostFailure{fmt::format("a worker could not open a graph: {}",
                                 find_text(message.root(), "exception_text").value_or("it did not say why"))};
}

void WorkerHost::exchange(Bytes request, Done done) {
  waiting_.push_back({std::move(request), std::move(done)});
  if (waiting_.size() == 1) send();
}

void WorkerHost::send() {
  call_worker_(Bytes(encode_run(waiting_.front().request)), [this, alive = std::weak_ptr(alive_)](auto reply) {
    if (!alive.expired()) reply_came(std::move(reply));
  });
}

void WorkerHost::reply_came(std::variant<Message, std::string> reply) {
  const Done done = std::move(waiting_.front().done);
  waiting_.pop_front();
  if (!waiting_.empty()) send();
  done(decode_run(reply));
}

}  // namespace trireme::launcher::dask
