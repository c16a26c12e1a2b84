#include "dask/refusal.h"

#include <fmt/format.h>

#include "dask/pickle_writer.h"

namespace trireme::launcher::dask {

std::string no_tasks_text(std::string_view address) {
  return fmt::format(
      "Trireme's scheduler at {} runs no Dask tasks yet, so nothing was computed. Start programs with "
      "`launcher run -n RANKS -- PROGRAM`; client.scheduler_info()['trireme'] shows nodes and runs. For Dask tasks "
      "connect the client to a `dask scheduler`.",
      address);
}

std::string no_workers_text(std::string_view address) {
  return fmt::format(
      "Trireme's scheduler at {} takes no Dask workers yet: its nodes run programs, not Dask tasks. Add nodes with "
      "`launcher up --nodes N`; give this worker the address of a `dask scheduler`.",
      address);
}

std::string unknown_operation_text(std::string_view operation) {
  return fmt::format(
      "Trireme's scheduler does not speak the Dask operation '{}'. It answers identity, versions and queries about "
      "workers (there are none); client.scheduler_info()['trireme'] shows nodes and runs.",
      operation.substr(0, 64));
}

std::string error_reply(std::string_view text) {
  MessageWriter writer;
  writer.map(5).text("status").text("uncaught-error");
  writer.text("exception").bytes(pickled_exception("RuntimeError", text)).text("traceback").nil();
  writer.text("exception_text").text(text).text("traceback_text").text("");
  return writer.take();
}

}  // namespace trireme::launcher::dask
