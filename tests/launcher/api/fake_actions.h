#pragma once

#include <string>
#include <vector>

#include "api/actions.h"

namespace trireme::launcher {

// Actions that write down what they were asked for. Not thread-safe.
class FakeActions : public Actions {
 public:
  std::string submit(const WantedRun& wanted) override {
    submitted.push_back(wanted);
    return "r-0042";
  }
  std::string rerun(const std::string& run_id) override {
    require(run_id);
    done.push_back("rerun " + run_id);
    return "r-0043";
  }
  std::string cancel(const std::string& run_id, bool force, const std::string& reason) override {
    require(run_id);
    done.push_back((force ? "kill " : "cancel ") + run_id + ": " + reason);
    return "running";
  }
  void drain(const std::string& node) override { done.push_back("drain " + node); }
  void undrain(const std::string& node) override { done.push_back("undrain " + node); }
  void scale(int) override { throw NotOfferedError("this cluster keeps its nodes"); }

  std::vector<WantedRun> submitted;
  std::vector<std::string> done;

 private:
  static void require(const std::string& run_id) {
    if (run_id != "r-0007") throw NoSuchThingError("there is no run " + run_id);
  }
};

}  // namespace trireme::launcher
