#pragma once

#include "store/log_book.h"

namespace trireme::launcher {

// Prints ranks' lines as "[3] text", standard error to standard error; ranks have colours on a terminal.
class OutputPrinter {
 public:
  OutputPrinter();
  void print(const LogEntry& entry) const;

 private:
  bool colours_output_;
  bool colours_errors_;
};

}  // namespace trireme::launcher
