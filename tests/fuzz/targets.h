#pragma once

#include <cstdint>
#include <span>

// Entry points of the fuzzers. Each takes any bytes; it returns when they were handled as promised and throws (or trips
// a sanitizer) when not. libFuzzer calls them through fuzz_main.cc, CI through corpus_test.cc.
namespace trireme::fuzz {

using Bytes = std::span<const std::uint8_t>;

// The store's bytes: cut into pieces, decoded, encoded again, and given to the store's server as two connections'
// frames.
void store_frames(Bytes bytes);

// One line of an agent's status socket: rejected with DataError, or read, written and read again to the same.
void status_record(Bytes bytes);

// What a peer of the tcp backend sends: as a hello, as frames to a rank that waits for some, as control records.
void tcp_frames(Bytes bytes);

// A stretch of a run's curve as the history keeps it: refused, or unpacked, folded and packed again.
void curves(Bytes bytes);

// What a caller of gRPC says to go on with a list or a stream: refused, or exactly what was written.
void tokens(Bytes bytes);

// What a Dask peer sends, in pieces: refused, or read, looked at as the scheduler does, and passed on to be read again.
void dask_messages(Bytes bytes);

// Of such a message the first frame alone: refused, or looked at and passed on.
void dask_bodies(Bytes bytes);

// What somebody says first on port 8786, in pieces: at most a little of it is kept, and only a handshake is accepted.
void dask_handshakes(Bytes bytes);

// Messages of up to four peers to a whole scheduler, each {peer, length, frame 0}: what it makes of them is an answer
// or the end of that peer's connection, and its tasks keep their invariants.
void dask_peers(Bytes bytes);

// What a peer of port 8787 sends: its first bytes, in growing pieces, are taken for one protocol and no other later.
void first_bytes(Bytes bytes);

// A request's head, a line each of method, target, host, origin, site, content type, authorization and cookie, and its
// body: nobody is let in who should not be, and actions are refused or done as they were asked for.
void http_requests(Bytes bytes);

// What the process says that opens graphs: an error, or tasks; nothing is thrown.
void dask_graphs(Bytes bytes);

}  // namespace trireme::fuzz
