#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "dask/materializer/helper_process.h"
#include "dask/materializer/host_materializer.h"

namespace trireme::launcher::dask {

// A materializer in a real Python with Dask, and client_side.py in the same Python to make requests and open results.
class PythonFixture : public testing::Test {
 protected:
  using Graph = std::variant<MaterializedGraph, MaterializeError>;
  using Upload = std::variant<std::vector<ForwardedPlugin>, MaterializeError>;
  using Function = std::variant<FunctionResult, MaterializeError>;

  PythonFixture() { restart_with({.python = TEST_PYTHON}); }
  void restart_with(HelperOptions options);

  // These wait for the answer.
  Graph materialize(MaterializeRequest request);
  Upload upload(Bytes plugin);
  Function call(FunctionCall call);
  // A lambda of the argument "_" and dask_scheduler; of what it returns the text.
  Function call(std::string_view lambda);
  std::string call_for_text(std::string_view lambda);
  std::string call_for_error(std::string_view lambda);

  // A function of client_side.py.
  Bytes client_side(std::string_view function, std::string_view payload);
  MaterializeRequest request(std::string_view name);
  MaterializeRequest request_from(const Bytes& packed);
  MaterializedGraph graph(const MaterializeRequest& request);
  // What the wanted tasks return, as Python prints it.
  std::string evaluate(const MaterializedGraph& graph, const std::vector<Key>& wanted);
  // The exception as Python prints it.
  std::string raised(const MaterializeError& error);

  template <typename Result, typename Start>
  Result wait(Start start) {
    std::optional<Result> result;
    start([&](Result came) { result.emplace(std::move(came)); });
    while (!result) {
      if (context_.stopped()) context_.restart();
      context_.run_one();
    }
    return *std::move(result);
  }

  boost::asio::io_context context_;
  std::unique_ptr<Materializer> materializer_;
};

// The msgpack of a text and of two.
[[nodiscard]] std::string packed(std::string_view text);
[[nodiscard]] std::string packed(std::string_view first, std::string_view second);

}  // namespace trireme::launcher::dask
