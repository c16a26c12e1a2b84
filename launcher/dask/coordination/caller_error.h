#pragma once

#include <string>

#include "trireme/base/error.h"

namespace trireme::launcher::dask {

// What was asked for does not fit what is there. The peer raises `python_class`(what()); nothing was changed.
class CallerError : public Error {
 public:
  CallerError(std::string python_class, const std::string& text)
      : Error(text), python_class_(std::move(python_class)) {}

  // A builtin: "KeyError", "ValueError", "RuntimeError".
  [[nodiscard]] const std::string& python_class() const noexcept { return python_class_; }

 private:
  std::string python_class_;
};

}  // namespace trireme::launcher::dask
