#pragma once

#include <stdexcept>
#include <string>

// The errors of Trireme. See ARCHITECTURE.md, "Error policy", for which is thrown when and what still works afterwards.
namespace trireme {

// The root of every exception that Trireme throws on purpose. what() says what was tried, with which values, and what
// to do next.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The user's input, options, environment or files do not fit together. Nothing was started; fix the input and retry.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// A file cannot be used: truncated, corrupt, of another version, or not writable. The message names the file.
class DataError : public Error {
 public:
  using Error::Error;
};

// A checkpoint cannot be written or read. The message names the file and the newest checkpoint that can.
class CheckpointError : public DataError {
 public:
  using DataError::DataError;
};

// Communication with other ranks failed. The communicator is dead afterwards: only abort() and destruction are legal.
class CommError : public Error {
 public:
  using Error::Error;
};

// A peer did not arrive within the timeout. The message tells who is missing and who waits where.
class TimeoutError : public CommError {
 public:
  using CommError::CommError;
};

// A peer is known to be dead: its connection ended or its node stopped answering.
class PeerLostError : public CommError {
 public:
  PeerLostError(int rank, const std::string& what) : CommError(what), rank_(rank) {}
  // The global rank of the lost peer; -1 when only its node is known.
  [[nodiscard]] int rank() const noexcept { return rank_; }

 private:
  int rank_;
};

// Ranks called different operations, or the same one with different sizes, dtypes or ops. Thrown before data is mixed.
class MismatchError : public CommError {
 public:
  using CommError::CommError;
};

// An invariant of Trireme itself does not hold: a bug. Thrown by TRIREME_CHECK.
class InvariantError : public Error {
 public:
  using Error::Error;
};

}  // namespace trireme
