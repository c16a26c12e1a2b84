#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dask/tasks/task.h"
#include "dask/wire/bytes.h"
#include "dask/wire/key.h"
#include "dask/wire/opaque.h"

namespace trireme::launcher::dask {

// The graph of one update-graph message, as the client sent it.
struct MaterializeRequest {
  Bytes header;  // of `expr_ser`, with its frames
  std::vector<Bytes> frames;
  std::vector<Key> wanted;
  Bytes order;        // `internal_priority`: msgpack map of key to integer; empty: dask.order decides
  Bytes annotations;  // the pickle in `annotations`; empty: none
};

// The tasks that the wanted keys need. Run specs are slices of one buffer, alike annotations are shared between tasks.
// `actor` is left false: that is in the message, not in the graph.
struct MaterializedGraph {
  std::vector<TaskSpec> tasks;
  std::vector<ShuffleSpec> shuffles;  // of the barriers among the tasks
};

// Why there is no result, as a client is told it. `exception` and `traceback` are pickles (kBin), the latter perhaps
// kNil.
struct MaterializeError {
  Opaque exception;
  Opaque traceback;
  std::string text;
  std::string traceback_text;
};

// One run_function message (Client.run_on_scheduler).
struct FunctionCall {
  Bytes function;    // pickles
  Bytes arguments;   // of a tuple
  Bytes keywords;    // of a dict
  bool wait = true;  // false: a coroutine is started, and not waited for
  Bytes identity;    // msgpack: what `identity` answers about all workers
};

struct FunctionResult {
  Opaque value;  // kSerialized
  // What the function told dask_scheduler.log_event(): topic and msgpack, to be published.
  std::vector<std::pair<std::string, Bytes>> events;
};

// A plugin that workers, or nannies, are to have.
struct ForwardedPlugin {
  std::string name;
  Bytes plugin;  // a pickle
  bool to_nannies = false;
  bool idempotent = false;  // where there is one of this name, that one stays
};

// What a client's progress bar is about (distributed.progress).
struct ProgressBar {
  std::vector<Key> keys;
  bool shows_done = false;  // what is in memory at the beginning counts too
  bool by_kind = false;     // a bar for each kind of task
};

// Opens pickles: the only part of the scheduler that runs a user's Python.
//
// Requests are carried out one after the other in the order of the calls. Each callback is called once, on the
// io_context's thread and never from inside of the call, unless the materializer is destroyed first: then those that
// wait are dropped. Not thread-safe: call on that thread.
class Materializer {
 public:
  using GraphDone = std::function<void(std::variant<MaterializedGraph, MaterializeError>)>;
  using UploadDone = std::function<void(std::variant<std::vector<ForwardedPlugin>, MaterializeError>)>;
  using FunctionDone = std::function<void(std::variant<FunctionResult, MaterializeError>)>;
  using ProgressBarDone = std::function<void(std::variant<ProgressBar, MaterializeError>)>;

  virtual ~Materializer() = default;

  virtual void materialize(MaterializeRequest request, GraphDone done) = 0;
  // `plugin`: the pickle in register_scheduler_plugin. Client.upload_file()'s makes the module importable here;
  // PipInstall, CondaInstall and UploadDirectory are plugins for workers or nannies; any other is an error that says
  // why.
  virtual void upload_file(Bytes plugin, UploadDone done) = 0;
  virtual void run_function(FunctionCall call, FunctionDone done) = 0;
  // `setup`: the pickle in `feed`. Any other than a progress bar's is an error that says why.
  virtual void read_progress_bar(Bytes setup, ProgressBarDone done) = 0;
};

}  // namespace trireme::launcher::dask
