#pragma once

#include <memory>
#include <vector>

#include "dask/materializer/materializer.h"
#include "dask/materializer/python_host.h"

namespace trireme::launcher::dask {

// The materializer: encodes requests for the first of its hosts that is not unusable, and decodes what it answers.
class HostMaterializer : public Materializer {
 public:
  explicit HostMaterializer(std::vector<std::unique_ptr<PythonHost>> hosts) : hosts_(std::move(hosts)) {}

  void materialize(MaterializeRequest request, GraphDone done) override;
  void upload_file(Bytes plugin, UploadDone done) override;
  void run_function(FunctionCall call, FunctionDone done) override;
  void read_progress_bar(Bytes setup, ProgressBarDone done) override;

 private:
  void exchange(Bytes request, PythonHost::Done done);

  std::vector<std::unique_ptr<PythonHost>> hosts_;  // never empty
  std::size_t host_ = 0;                            // the one in use
};

}  // namespace trireme::launcher::dask
