#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace trireme {

// Shows writes to parameters at a time when other ranks may compute with them: while it is closed their pages can only
// be read, and a write ends the process with SIGSEGV after one line on stderr that names the parameter. For debugging.
//
// Starts open. Pages that the parameters do not fill stay writable. Threads: one at a time.
class WriteGuard {
 public:
  // `memory`: flat tensors on pages of their own. `names`: what lies in them, for the message.
  WriteGuard(std::vector<at::Tensor> memory, std::vector<std::pair<std::string, at::Tensor>> names);
  ~WriteGuard();
  WriteGuard(const WriteGuard&) = delete;
  WriteGuard& operator=(const WriteGuard&) = delete;

  // Throw Error when the system refuses.
  void close();
  void open();

 private:
  struct Watched;
  void protect(int rights);

  const std::vector<at::Tensor> memory_;
  const std::unique_ptr<Watched> watched_;
};

}  // namespace trireme
