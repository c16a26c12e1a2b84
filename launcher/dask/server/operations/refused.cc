// Operations that are known and not offered, each with the reason a user is told.
#include <array>

#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

namespace {

void terminate(Hub&, const Request&, MessageWriter&) {
  refuse("a Dask client cannot stop Trireme's cluster; `launcher down` does");
}

void profile(Hub&, const Request&, MessageWriter&) {
  refuse(
      "this scheduler collects no profiles of Python code; client.profile() with workers of a `dask scheduler` does");
}

void performance_report(Hub&, const Request&, MessageWriter&) {
  refuse("performance reports are made of a Python scheduler's plugins, which this one does not run");
}

void task_stream(Hub&, const Request&, MessageWriter&) {
  refuse("this scheduler keeps no task stream; workers' own dashboards show what they ran");
}

void cluster_state(Hub&, const Request&, MessageWriter&) {
  refuse(
      "the state of this scheduler is not made of Python objects and cannot be dumped as such; "
      "client.scheduler_info(), who_has(), has_what() and processing() show it");
}

void task_metadata(Hub&, const Request&, MessageWriter&) {
  refuse("get_task_metadata is a plugin of the Python scheduler, which this one does not run");
}

void benchmark(Hub&, const Request&, MessageWriter&) { refuse("hardware is measured by `launcher doctor`"); }

void memory_sampler(Hub&, const Request&, MessageWriter&) {
  refuse("this scheduler samples no memory; the dashboard and /metrics show what the workers use");
}

// There is none to run, and it may be asked for that.
void active_memory_manager(Hub&, const Request& request, MessageWriter& reply) {
  const std::string method = request.text("method");
  if (method == "running") {
    reply.boolean(false);
  } else if (method != "stop") {
    refuse(
        "this scheduler has no active memory manager: results are freed as soon as nothing needs them, and those of a "
        "worker that retires are moved");
  }
}

void set_restrictions(Hub&, const Request&, MessageWriter&) {
  refuse("restrictions are given with a task: submit(…, workers=…, resources=…)");
}

constexpr std::array kRefusedOperations = {
    Operation{"terminate", terminate},
    Operation{"profile", profile},
    Operation{"get_profile", profile},
    Operation{"get_profile_metadata", profile},
    Operation{"performance_report", performance_report},
    Operation{"get_task_stream", task_stream},
    Operation{"get_task_stream_index", task_stream},
    Operation{"get_cluster_state", cluster_state},
    Operation{"dump_cluster_state_to_url", cluster_state},
    Operation{"start_task_metadata", task_metadata},
    Operation{"stop_task_metadata", task_metadata},
    Operation{"benchmark_hardware", benchmark},
    Operation{"set_restrictions", set_restrictions},
    Operation{"memory_sampler_start", memory_sampler},
    Operation{"memory_sampler_stop", memory_sampler},
    Operation{"amm_handler", active_memory_manager},
};

}  // namespace

std::span<const Operation> refused_operations() { return kRefusedOperations; }

}  // namespace trireme::launcher::dask
