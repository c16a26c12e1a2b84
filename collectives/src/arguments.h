#pragma once

#include "operation.h"

// Checks of what the caller passed; each throws ConfigError that names the operation and the values.
namespace trireme::collectives {

// The group an operation runs in, for the checks and their messages.
struct Caller {
  OpKind kind;
  int rank;
  int size;
};

// A count of at least 0, and an address unless the count is 0.
void check_buffer(const Caller& caller, const Buffer& buffer, const char* name);
// Throws that the memory of `buffer` is out of the backend's reach.
[[noreturn]] void refuse_device(const Caller& caller, const Buffer& buffer, const char* name);
void check_reduction(const Caller& caller, Dtype dtype, ReduceOp op);
void check_rank(const Caller& caller, int rank, const char* name);
// `has_tags`: the backend tells messages apart by tag; where it does not, 0 is the only one.
void check_tag(const Caller& caller, int tag, bool has_tags);
// `whole` has caller.size blocks of part.count elements, of one dtype.
void check_blocks(const Caller& caller, const Buffer& whole, const Buffer& part);
void check_same_shape(const Caller& caller, const Buffer& input, const Buffer& output);
// `small` begins at `in_place`, an address inside `large`, or does not overlap `large`.
void check_overlap(const Caller& caller, const Buffer& large, const Buffer& small, const void* in_place);

}  // namespace trireme::collectives
