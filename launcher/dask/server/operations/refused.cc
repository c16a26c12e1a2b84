// Operations that are known and not offered, each with the reason a user is told.
#include <array>

#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

namespace {

void terminate(Hub&, const Request&, MessageWriter&) {
  refuse("a Dask client cannot stop Trireme's cluster; `launcher down` does");
}

void feed(Hub&, const Request&, MessageWriter&) {
  refuse(
      "'feed' runs a function inside of a Python scheduler; this one is none. client.events() and "
      "client.subscribe_topic() show what happens");
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

void set_restrictions(Hub&, const Request&, MessageWriter&) {
  refuse("restrictions are given with a task: submit(…, workers=…, resources=…)");
}

constexpr std::array kRefusedOperations = {
    Operation{"terminate", terminate},
    Operation{"feed", feed},
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
};

}  // namespace

std::span<const Operation> refused_operations() { return kRefusedOperations; }

}  // namespace trireme::launcher::dask
